// Package imageproc turns a picture file, or an image.Image, into the pixels a SigLIP
// tower reads: float32 in [-1, 1], stretched to a square, planes of red, green, blue.
//
//	img, err := imageproc.ReadFile("photo.jpg", 0)
//	px, err := imageproc.Prepare(img, imageproc.Options{Size: 224}) // [224, 224, 3]
//
// # What is decoded
//
// PNG, JPEG, GIF (the first frame), BMP, TIFF (the first page) and WebP. The EXIF
// orientation is applied, so a photo taken upright is seen upright; an XMP orientation is
// not read. Every picture becomes 8-bit RGB by the rules of Pillow's convert("RGB"): grey
// is copied to three channels, 16-bit samples keep their high byte, CMYK is multiplied
// out, and alpha is dropped, not blended: the colour under a transparent pixel counts, as
// in big_vision. Colour profiles are ignored.
//
// Subsampled chroma is interpolated as libjpeg-turbo and libwebp do it, because nearest
// neighbour, which Go's image.YCbCr implies, shifts colours by tens of grey levels at edges.
//
// # What is refused
//
// A picture that claims more than a limit of pixels, before anything of its size is
// allocated ([SizeError]); a file that is not a picture ([FormatError]); a truncated or
// broken picture, with its format and length. Damaged EXIF data is ignored.
//
// # Resampling
//
// [Bicubic] equals Pillow's resize bit for bit. [Bilinear] is tf.image.resize with
// antialias=True, in float32. Both run on all processors; the result does not depend on
// how many.
package imageproc
