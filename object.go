package paligemma

import "image"

// An Object is a thing that an answer points at.
type Object struct {
	Label string `json:"label"` // "" if the answer names none
	Box   Box    `json:"box"`

	// Pixels is the box in the picture that was asked about, whose corner is
	// (0, 0); empty if the session was not told its size.
	Pixels image.Rectangle `json:"-"`

	// Mask is the outline inside Pixels: opaque is the thing, from 128 on it is
	// meant to count. It is nil unless the answer has one and the model has a
	// mask decoder.
	Mask *image.Alpha `json:"-"`

	// Score is between 0 and 1 and ranks objects; see Result.Objects.
	Score float32 `json:"score"`

	// Tokens are those of the answer that spell it, [First, Last).
	First int `json:"first"`
	Last  int `json:"last"`
}

// A Box is a rectangle in fractions of a picture's width and height, from its
// upper left corner.
type Box struct {
	X0 float64 `json:"x0"`
	Y0 float64 `json:"y0"`
	X1 float64 `json:"x1"`
	Y1 float64 `json:"y1"`
}
