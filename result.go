package paligemma

import (
	"time"
)

// NoID is the ID of a Token that holds only the replacement of a character
// left incomplete at the end of an answer.
const NoID int32 = -1

// A Token is a piece of an answer.
type Token struct {
	ID      int32   `json:"id"`
	Text    string  `json:"text"`    // whole characters; "" while one is incomplete
	LogProb float32 `json:"logprob"` // natural logarithm, by the model's own softmax over all tokens, or those that a grammar allows

	// Spread is, of a loc token, the mean distance of a loc token drawn by the same
	// softmax from it: less than 1024. It is 0 for other tokens.
	Spread float32 `json:"spread,omitempty"`
}

// A Stop says why an answer ended.
type Stop string

// Reasons to stop.
const (
	StopEOS     Stop = "eos"     // the model ended it
	StopLength  Stop = "length"  // MaxTokens were generated
	StopContext Stop = "context" // the session has no room for more
	StopRepeat  Stop = "repeat"  // it only repeated itself, see Sampling.AllowRepeats

	// The context of the call ended, or the call failed. The answer is what there was.
	StopCancelled Stop = "cancelled"
	StopFailed    Stop = "failed"
)

// A Result is an answer.
type Result struct {
	Text     string    `json:"text"`
	Tokens   []Token   `json:"tokens"`             // without <eos>
	Objects  []Object  `json:"objects,omitempty"`  // that the answer points at; Pixels and Mask need a question about one picture
	Problems []Problem `json:"problems,omitempty"` // parts of an answer with loc or seg tokens that are not objects
	Stop     Stop      `json:"stop"`
	Timings  Timings   `json:"timings"`
}

// Timings say where the time went.
type Timings struct {
	Encode       time.Duration `json:"encode_ns"`  // pictures to soft tokens, when this run did it
	Prefill      time.Duration `json:"prefill_ns"` // prompt, pictures included
	Decode       time.Duration `json:"decode_ns"`  // answer
	PromptTokens int           `json:"prompt_tokens"`
	Generated    int           `json:"generated_tokens"`
}
