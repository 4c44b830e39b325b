package kernels

// A Stretch stretches lines of Width pixels to Size pixels, and then the lines to
// those of a result, as Pillow does: both times, sums are rounded half up and
// clipped to bytes. A pixel is three samples side by side.
type Stretch struct {
	Width, Size    int
	Columns, Lines Windows
	Level          Level
}

// Windows say which pixels or lines make pixel or line i of a result: those from
// First[i] on, times Weights[At[i]:At[i+1]], which have 22 fractional bits. Windows
// start in order and end in order.
type Windows struct {
	First, At, Weights []int32
}
