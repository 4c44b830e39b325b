package main

import (
	"math"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// memoryFlag bounds the memory of a model, or of a conversion.
func memoryFlag() cli.Flag {
	return &cli.StringFlag{Name: "max-memory", Usage: "refuse what takes more memory than this `size`, such as 4G or 900M (default: what the system allows)"}
}

// maxMemory reads memoryFlag, in bytes; 0 if it is not given.
func maxMemory(c *cli.Context) (int64, error) {
	text := c.String("max-memory")
	if text == "" {
		return 0, nil
	}
	n, ok := parseSize(text, 1024)
	if !ok {
		return 0, usagef("--max-memory is %q, want a size above 0, such as 4G or 900M", text)
	}
	return n, nil
}

// parseSize reads a number of bytes, with K, M, G or T for powers of a base.
func parseSize(text string, base float64) (int64, bool) {
	digits := strings.TrimRight(text, "KMGTkmgt")
	unit := strings.ToUpper(text[len(digits):])
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || len(unit) > 1 {
		return 0, false
	}
	if unit != "" {
		n *= math.Pow(base, float64(1+strings.Index("KMGT", unit)))
	}
	return int64(n), n >= 1 && n <= 1<<60
}
