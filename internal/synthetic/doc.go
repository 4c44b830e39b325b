// Package synthetic writes checkpoints of random weights: of any released size
// or a tiny one, in every format that package convert reads, streaming. They
// stand in for real ones in tests and measurements.
//
// A weight depends on the seed, the tensor and the place in it only, so that
// checkpoints of different formats hold the same model; scripts/convert/golden.py
// computes the same weights in numpy.
package synthetic
