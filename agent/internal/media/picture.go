package media

import (
	"image"
	"io"
)

// DecodePicture reads a JPEG or PNG of at most 25 MB and 60 million pixels and
// turns it upright. Anything else is a Fault.
func DecodePicture(r io.Reader) (image.Image, error) { return decodePicture(r) }
