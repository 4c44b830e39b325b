package eval

import "time"

// A Report says how good a model's answers are. Scores are from 0 to 1, CIDEr
// from 0 to 10.
type Report struct {
	Examples int           `json:"examples"`   // in the data set, up to its limit
	Answered int           `json:"answered"`   // examples with an answer; only they count below
	Failed   int           `json:"failed"`     // examples that could not be asked
	Partial  bool          `json:"partial"`    // the run was stopped before the end
	Pictures int           `json:"pictures"`   // encoded: those of earlier answers are not
	Encode   time.Duration `json:"encode_ns"`  // mean time to read and encode a picture
	Picture  time.Duration `json:"picture_ns"` // mean time for a picture and all questions about it
	Tasks    []TaskReport  `json:"tasks"`      // of the tasks that occur
}

// A TaskReport sums up the answers to one kind of question. Measures that do not
// apply are nil.
type TaskReport struct {
	Task    Task          `json:"task"`
	Count   int           `json:"count"`             // answers
	Exact   float64       `json:"exact"`             // share of answers that equal an expected one to the letter
	VQA     *float64      `json:"vqa,omitempty"`     // of Answer: accuracy by the rules of the VQA challenge
	ANLS    *float64      `json:"anls,omitempty"`    // of Answer and OCR: normalized Levenshtein similarity
	CIDEr   *float64      `json:"cider,omitempty"`   // of Caption: CIDEr-D, words cut at spaces
	Cut     int           `json:"cut"`               // answers without an end: they reached a limit of tokens
	Time    time.Duration `json:"answer_ns"`         // mean time of an answer, without its picture
	Objects *ObjectReport `json:"objects,omitempty"` // of Detect and Segment
}

// An ObjectReport sums up the objects in answers. The objects of an answer are
// paired with the things in its picture: those that share a label and overlap, by
// falling IoU.
type ObjectReport struct {
	Truth     int      `json:"truth"`              // things in the pictures
	Found     int      `json:"found"`              // objects in answers
	BoxIoU    float64  `json:"box_iou"`            // mean over the things, 0 for one without a pair
	F1        float64  `json:"f1"`                 // of finding things with an IoU of 0.5 or more
	MaskIoU   *float64 `json:"mask_iou,omitempty"` // of Segment, as BoxIoU; nil if the model has no mask decoder or the data no masks
	Malformed int      `json:"malformed"`          // answers with other text than objects, or without the masks asked for

	// How well scores rank objects: the share of right ones in the half with the
	// higher scores and in the other half, and the area under the curve of
	// precision over recall. An object is right if its IoU is 0.5 or more.
	UpperPrecision   float64 `json:"upper_precision"`
	LowerPrecision   float64 `json:"lower_precision"`
	AveragePrecision float64 `json:"average_precision"`
}
