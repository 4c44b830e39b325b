// Package eval measures models on data sets: [Run] scores a model's answers, and
// [Compare] measures how far one file of a model is from another.
//
//	set, err := eval.Open(ctx, "data.jsonl", 0)
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
//	image     path of the picture, relative to the data set's folder
//	prompt    the prompt for the model
//	expected  the right answer, or a list of right answers
//	task      caption, answer, ocr, detect or segment; if absent, the prompt's first word
//	          tells it
//	boxes     for detect and segment: [ymin, xmin, ymax, xmax] as fractions of the picture,
//	          one for each thing; if absent, the objects that the first expected answer spells
//	labels    a label for each box
//	masks     for each thing, the path of a picture as large as the one asked about, bright
//	          inside; if absent, the masks that the first expected answer spells
//
// Other fields are ignored. Lines are read one at a time; a picture that
// several lines in a row are about is read and encoded once. For each line the
// package keeps a few numbers (for quantiles and the precision by score), and for
// captions the counts of their n-grams (for CIDEr).
package eval
