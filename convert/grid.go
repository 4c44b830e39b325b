package convert

import (
	"slices"
	"strings"
)

// A grid says where the elements of a matrix are in a stored slice: the one in
// row r and column c is at rows[r]+cols[c], counted in elements. This holds for
// every transposition of axes, merged or not. The zero grid stands for a slice
// that has the matrix row by row already.
type grid struct {
	rows, cols []int
}

func (g grid) stored() bool { return g.rows == nil }

// slice returns which slice of an array of pattern source is that of a layer,
// and the pattern of one slice: what follows the axes of layers and indices.
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

// grid returns where a matrix of pattern target is in a slice of pattern
// source. Sizes are those of the source, without padding.
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

// offsets lists where the combinations of the letters' indices are, in
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
