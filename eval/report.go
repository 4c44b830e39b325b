package eval

import "time"

// A Report is how good a model's answers are. Scores are from 0 to 1, CIDEr
// from 0 to 10.
type Report struct {
	Examples int           `json:"examples"`   // of the data set, within its limit
	Answered int           `json:"answered"`   // of them; those that failed count nowhere else
	Failed   int           `json:"failed"`     // could not be asked
	Partial  bool          `json:"partial"`    // it was stopped before the end
	Pictures int           `json:"pictures"`   // encoded
	Encode   time.Duration `json:"encode_ns"`  // a picture, mean: to read and encode it
	Picture  time.Duration `json:"picture_ns"` // a picture, mean: and all that was asked about it
	Tasks    []TaskReport  `json:"tasks"`      // those that occur
}

// A TaskReport is about one kind of question. Measures that do not apply are
// nil.
type TaskReport struct {
	Task    Task          `json:"task"`
	Count   int           `json:"count"`
	Exact   float64       `json:"exact"`             // share of answers that are as expected, to the letter
	VQA     *float64      `json:"vqa,omitempty"`     // of Answer: accuracy by the rules of the VQA challenge
	ANLS    *float64      `json:"anls,omitempty"`    // of Answer and OCR: normalized Levenshtein similarity
	CIDEr   *float64      `json:"cider,omitempty"`   // of Caption: CIDEr-D, words cut at spaces and punctuation
	Cut     int           `json:"cut"`               // answers that hit the limit of tokens
	Time    time.Duration `json:"answer_ns"`         // an answer, mean, without the picture
	Objects *ObjectReport `json:"objects,omitempty"` // of Detect and Segment
}

// An ObjectReport is about the objects of answers. Things found and there are paired within
// each picture: of those with one label that overlap, the best pair first.
type ObjectReport struct {
	Truth     int      `json:"truth"`              // things that are there
	Found     int      `json:"found"`              // objects in answers
	BoxIoU    float64  `json:"box_iou"`            // mean over those that are there, 0 for one that was not found
	F1        float64  `json:"f1"`                 // of finding them with an IoU of 0.5
	MaskIoU   *float64 `json:"mask_iou,omitempty"` // of Segment, as BoxIoU; nil if the model has no mask decoder or the data no masks
	Malformed int      `json:"malformed"`          // answers that hold something else than objects, or boxes without the masks asked for

	// How well scores rank: the share that is right of the half with the higher
	// scores and of the other, and the area under the curve of precision over
	// recall. An object is right if its IoU is 0.5 or more.
	UpperPrecision   float64 `json:"upper_precision"`
	LowerPrecision   float64 `json:"lower_precision"`
	AveragePrecision float64 `json:"average_precision"`
}
