package imageproc

import (
	"bytes"
	"image"

	"github.com/bep/imagemeta"
	"golang.org/x/image/tiff"
)

// decodeTIFF decodes the first page. x/image/tiff inverts fax-compressed pages whose black
// is zero, against the TIFF specification and libtiff; decodeTIFF inverts them back.
func decodeTIFF(file []byte) (image.Image, error) {
	img, err := tiff.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	const (
		compression, group3, group4 = "Compression", 3, 4
		photometric, blackIsZero    = "PhotometricInterpretation", 1
	)
	page := tags(file, imagemeta.TIFF, compression, photometric)
	fax := page[compression] == group3 || page[compression] == group4
	if grey, ok := img.(*image.Gray); ok && fax && page[photometric] == blackIsZero {
		for i := range grey.Pix {
			grey.Pix[i] = ^grey.Pix[i]
		}
	}
	return img, nil
}
