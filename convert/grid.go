package convert

import (
	"slices"
	"strings"
)

// A grid maps the elements of a matrix to their places in a stored slice: the
// element in row r and column c is at rows[r]+cols[c], counted in elements. Every
// transposition of axes, merged or not, has such a grid. The zero grid stands for
// a slice that has the matrix row by row already.
type grid struct {
	rows, cols []int
}

func (g grid) stored() bool { return g.rows == nil }

// slice returns the index of a layer's slice in an array of pattern source, and
// the pattern of one slice: the axes after those of layers and indices.
func (d Dims) slice(source string, layer int) (index int, pattern string) {
	list := axes(source)
	for len(list) > 0 {
		size, i, leading := d.size(list[0]), layer, list[0] == "L" || list[0] == "B"
		if _, number, found := strings.Cut(list[0], ":"); found {
			i, leading = int(number[0]-'0'), true
		}
		if !leading {
			break
		}
		index, list = index*size+i, list[1:]
	}
	return index, strings.Join(list, " ")
}

// grid returns the places of a matrix of pattern target in a slice of pattern
// source. Sizes are the source's, without padding.
func (d Dims) grid(target, source string) grid {
	letters := ungroup(source)
	if slices.Equal(letters, ungroup(target)) {
		return grid{}
	}
	strides := map[string]int{}
	stride := 1
	for _, axis := range slices.Backward(letters) {
		strides[axis] = stride
		stride *= d.size(axis)
	}
	groups := axes(target) // two or more: in a vector nothing changes places
	return grid{
		rows: d.offsets(ungroup(groups[0]), strides),
		cols: d.offsets(ungroup(strings.Join(groups[1:], " ")), strides),
	}
}

// ungroup lists the letters of a pattern without its parentheses.
func ungroup(pattern string) []string {
	return strings.Fields(strings.NewReplacer("(", "", ")", "").Replace(pattern))
}

// offsets lists the places of all combinations of the letters' indices, in
// row-major order.
func (d Dims) offsets(letters []string, strides map[string]int) []int {
	list := []int{0}
	for _, letter := range letters {
		next := make([]int, 0, len(list)*d.size(letter))
		for _, base := range list {
			for i := range d.size(letter) {
				next = append(next, base+i*strides[letter])
			}
		}
		list = next
	}
	return list
}
