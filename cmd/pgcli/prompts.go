package main

import "github.com/urfave/cli/v2"

// promptRule is in the help of the commands that ask prompts.
const promptRule = `A prompt is asked as it is written, white space included. Line ends at its end are
left out, as the model adds one; <image> at its start stands for a picture; <bos>
and other control tokens are refused. Files are UTF-8, or UTF-16 with a byte order
mark.`

// jsonFields is in the help of the commands that print answers as JSON.
const jsonFields = `The fields of --json:
  prompt, image      the question
  text               the answer
  tokens             id, text and logprob of each token, by the natural logarithm;
                     spread of a <loc> token: how far off it is on average
  objects            label, box in fractions of the picture, pixels (x1 and y1
                     outside), score, codes of a mask; first and last: its tokens
  problems           parts of the answer that look like objects and are not
  stop               eos, length (-n), context (-c) or repeat (--repeats)
  timings            encode_ns: the pictures, once for all prompts; prefill_ns: the
                     prompt; decode_ns: the answer; and numbers of tokens`

// timingsFlag goes with commands that ask.
func timingsFlag() cli.Flag {
	return &cli.BoolFlag{Name: "timings", Usage: "print the time of each step to standard error"}
}
