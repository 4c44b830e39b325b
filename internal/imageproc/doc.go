// Package imageproc turns a picture file, or an image.Image, into the pixels a SigLIP
// tower reads: float32 in [-1, 1], stretched to a square, planes of red, green, blue.
//
//	img, err := imageproc.Read(ctx, file, 0)
//	px, err := imageproc.Prepare(ctx, img, imageproc.Options{Size: 224}) // [224, 224, 3]
//
// # What is decoded
//
// The first picture of a file:
//
//   - PNG, also the first frame of an animated one;
//   - JPEG, baseline and progressive, of grey, YCbCr, RGB, CMYK or YCCK, in any sampling
//     whose first component is sampled most;
//   - GIF and WebP, also animated;
//   - BMP of Windows and OS/2, also of 16 bits and with run lengths;
//   - TIFF and BigTIFF in strips, tiles and planes; plain or compressed with LZW, Deflate,
//     PackBits, fax or JPEG; of 1 to 16 bits; grey, palette, RGB or CMYK;
//   - PBM, PGM and PPM, called PNM here, plain and binary, and PAM.
//
// The orientation is applied where ImageOps.exif_transpose of Pillow finds one: in EXIF
// data, also in ImageMagick's text form, or else in XMP. Every picture becomes 8-bit RGB by
// the rules of Pillow's convert("RGB"): grey is copied to three channels, CMYK is multiplied
// out, and alpha is dropped, not blended: the colour under a transparent pixel counts, as in
// big_vision. One rule differs: 16-bit samples keep their high byte, where Pillow clips
// 16-bit grey at 255. Colour profiles are ignored.
//
// Subsampled chroma is interpolated as libjpeg-turbo and libwebp do it. Repeating it, as
// Go's image.YCbCr implies, measured up to 88 grey levels off on a 4:2:0 photo.
//
// Decoded pixels equal Pillow's in every format but JPEG, also within a TIFF, whose inverse
// cosine transform Go rounds differently. On a synthetic photo of 1600 x 1200 pixels 3 % of
// the samples differed, by at most 3 levels; stretched to 224 pixels, 4 % differed, by at
// most 1. scripts/imageproc/pillow.py compares Pillow's own test pictures.
//
// # What is refused
//
// A picture that claims more pixels than the limit gives a [SizeError] before anything of
// its size is allocated. A picture in a format or of a kind that is not decoded gives an
// [UnsupportedError], which names it. A file that is not a picture gives a [FormatError].
// The error for a truncated or broken picture is [ErrBroken] and names its format and
// length. Damaged metadata is ignored.
//
// # Resampling
//
// [Bicubic] equals the resize of Pillow 11 bit for bit. Pillow 13 stretches some pictures
// vertically first, and so does Pillow 12.3 with very tall ones, which moves samples by
// about one level.
// [Bilinear] is tf.image.resize with antialias=True, in float32. Both run on all
// processors; the result does not depend on how many.
package imageproc
