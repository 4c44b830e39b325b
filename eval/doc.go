// Package eval measures models on data sets: how good answers are ([Run]), and
// how far one file of a model is from another ([Compare]).
//
//	set, err := eval.Open("data.jsonl", 0)
//	report, err := eval.Run(ctx, model, set, nil)
//	for _, t := range report.Tasks {
//		fmt.Println(t.Task, t.Count, t.Exact)
//	}
//
// # Data sets
//
// A data set is a file of lines, each a JSON object about one question:
//
//	{"image": "0001.png", "prompt": "caption en", "expected": "a cat on a sofa"}
//	{"image": "0001.png", "prompt": "answer en how many cats?", "expected": ["1", "one"]}
//	{"image": "0001.png", "prompt": "segment cat", "expected": "<loc0051>... cat",
//	 "boxes": [[0.05, 0.3, 0.7, 0.6]], "labels": ["cat"], "masks": ["0001-cat.png"]}
//
//	image     path of the picture, from the data set's folder
//	prompt    as the model is asked
//	expected  the answer, or a list of answers that are right
//	task      caption, answer, ocr, detect or segment; if absent, by the prompt's first word
//	boxes     of detect and segment: [ymin, xmin, ymax, xmax] as fractions of the picture; if
//	          absent, what the first expected answer spells
//	labels    of the boxes
//	masks     of the boxes: paths of pictures as large as the one asked about, bright inside;
//	          if absent, what the first expected answer spells
//
// Other fields are ignored. Lines are read one at a time; a picture that
// several lines in a row are about is read and encoded once. What is kept of
// each line is a few numbers, for quantiles and the precision by score; and of
// captions the counts of their n-grams, for CIDEr.
package eval
