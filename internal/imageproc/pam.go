package imageproc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// readPAMHeader reads the lines of a PAM's header. Pillow does not read PAM: values mean
// what pam(5) says.
func readPAMHeader(file []byte) (h pnmHeader, err error) {
	h = pnmHeader{kind: '7'}
	kind := ""
	for rest := file[3:]; ; {
		line, more, ok := bytes.Cut(rest, []byte("\n"))
		if !ok {
			return h, fmt.Errorf("header: %w", io.ErrUnexpectedEOF)
		}
		rest = more
		key, value, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		value = strings.TrimSpace(value)
		switch {
		case key == "ENDHDR":
			h.start = len(file) - len(rest)
			return h, h.pam(kind)
		case key == "WIDTH":
			h.width, err = pamNumber(key, value, math.MaxInt32)
		case key == "HEIGHT":
			h.height, err = pamNumber(key, value, math.MaxInt32)
		case key == "DEPTH":
			h.depth, err = pamNumber(key, value, math.MaxUint16)
		case key == "MAXVAL":
			h.maxval, err = pamNumber(key, value, math.MaxUint16)
		case key == "TUPLTYPE":
			kind = strings.TrimSpace(kind + " " + value)
		case key != "" && key[0] != '#':
			return h, fmt.Errorf("header has %.20q; expected WIDTH, HEIGHT, DEPTH, MAXVAL, TUPLTYPE or ENDHDR", key)
		}
		if err != nil {
			return h, err
		}
	}
}

// pamNumber reads the number of a line.
func pamNumber(key, value string, largest int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > largest {
		return 0, fmt.Errorf("%s is %.20q; expected 1 to %d", key, value, largest)
	}
	return n, nil
}

// pam sets the number of colours from the kind of tuples.
func (h *pnmHeader) pam(kind string) error {
	if h.width == 0 || h.height == 0 || h.depth == 0 || h.maxval == 0 {
		return errors.New("header lacks WIDTH, HEIGHT, DEPTH or MAXVAL")
	}
	h.channels = 1
	colours, alpha := strings.CutSuffix(kind, "_ALPHA")
	switch {
	case colours == "RGB":
		h.channels = 3
	case colours == "GRAYSCALE", colours == "BLACKANDWHITE":
	case kind == "" && h.depth >= 3: // pam(5) leaves it open; netpbm's programs guess by the depth
		h.channels, alpha = 3, h.depth == 4
	case kind == "":
		alpha = h.depth == 2
	default:
		return unsupported("tuples %.20q", kind)
	}
	if want := h.channels; alpha && h.depth != want+1 || !alpha && h.depth != want {
		return unsupported("%d values of a pixel for tuples %.20q", h.depth, kind)
	}
	return nil
}
