// Package locseg reads the boxes and masks that PaliGemma spells as text in its
// answers to "detect" and "segment".
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
// Spaces around labels and separators do not count. Every other part of an
// answer that is not an object is a [Problem]. An answer without any loc or seg
// is plain text: it has neither objects nor problems.
package locseg
