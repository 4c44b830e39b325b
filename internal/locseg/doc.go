// Package locseg reads what PaliGemma answers to "detect" and "segment": boxes
// and masks, spelled as text.
//
//	<loc0051><loc0309><loc0708><loc0646> shoe ; <loc...
//
// # Grammar
//
// [Parse] follows the parser of big_vision's demo (paligemma_parse.py), but
// wants each number of tokens to be exact, as big_vision's evaluators do
// (evaluators/proj/paligemma/transfers/segmentation.py):
//
//	answer = object { ";" object }
//	object = 4 loc [ 16 seg ] label
//	loc    = "<loc0000>" to "<loc1023>", in the order y0 x0 y1 x1
//	seg    = "<seg000>" to "<seg127>"
//	label  = characters other than ";", "<" and ">"; may be empty
//
// Spaces around all but loc and seg are not part of anything. Whatever is no
// such object is a [Problem]; an answer without any loc and seg is plain text
// and has none.
package locseg
