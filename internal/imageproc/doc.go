// Package imageproc turns a picture file, or an image.Image, into the pixels a SigLIP
// tower reads: float32 in [-1, 1], stretched to a square, planes of red, green, blue.
//
//	img, err := imageproc.Read(file, 0)
//	px, err := imageproc.Prepare(img, imageproc.Options{Size: 224}) // [224, 224, 3]
//
// # What is decoded
//
// PNG, JPEG, GIF (the first frame), BMP, TIFF (the first page) and WebP. The EXIF
// orientation is applied, so a photo taken upright is seen upright; an XMP orientation is
// ignored. Every picture becomes 8-bit RGB by the rules of Pillow's convert("RGB"): grey
// is copied to three channels, CMYK is multiplied out, and alpha is dropped, not blended:
// the colour under a transparent pixel counts, as in big_vision. One rule differs: 16-bit
// samples keep their high byte, where Pillow clips 16-bit grey at 255. Colour profiles are
// ignored.
//
// Subsampled chroma is interpolated as libjpeg-turbo and libwebp do it. Repeating it, as
// Go's image.YCbCr implies, measured up to 88 grey levels off on a 4:2:0 photo.
//
// Decoded pixels equal Pillow's in every format but JPEG, whose inverse cosine transform
// Go rounds differently. On a synthetic photo of 1600 x 1200 pixels 3 % of the samples
// differed, by at most 3 levels; stretched to 224 pixels, 4 % differed, by at most 1.
//
// # What is refused
//
// A picture that claims more pixels than the limit gives a [SizeError] before anything of
// its size is allocated. A file that is not a picture gives a [FormatError]. The error for
// a truncated or broken picture names its format and length. Damaged EXIF data is ignored.
//
// # Resampling
//
// [Bicubic] equals the resize of Pillow 11 bit for bit. Pillow 13 stretches some pictures
// vertically first, and so does Pillow 12.3 with very tall ones, which moves samples by
// about one level.
// [Bilinear] is tf.image.resize with antialias=True, in float32. Both run on all
// processors; the result does not depend on how many.
package imageproc
