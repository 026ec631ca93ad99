package world

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
)

// Baggage says what a media file carries beside its picture or sound: EXIF,
// XMP, comments, tags; empty where it is nothing. Formats that are never
// shared are an error, so that nothing passes unread.
func Baggage(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read a shared copy: %w", err)
	}
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xd8}):
		return jpegBaggage(data)
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return chunkBaggage(data[8:], binary.BigEndian, "IHDR PLTE IDAT IEND tRNS gAMA sRGB cHRM pHYs sBIT bKGD", 4)
	case bytes.HasPrefix(data, []byte("RIFF")) && len(data) > 12 && string(data[8:12]) == "WAVE":
		return chunkBaggage(data[12:], binary.LittleEndian, "fmt  data fact", 0)
	case bytes.HasPrefix(data, []byte("ID3")):
		return "ID3 tags", nil
	case bytes.HasPrefix(data, []byte("fLaC")), bytes.HasPrefix(data, []byte("OggS")), len(data) > 8 && string(data[4:8]) == "ftyp",
		len(data) > 1 && data[0] == 0xff && data[1]&0xe0 == 0xe0:
		return "", nil // sound whose decoder is not here: forwarded as it came
	}
	return "", fmt.Errorf("%s is of no kind that is shared", path)
}

// jpegBaggage walks the segments before the picture.
func jpegBaggage(data []byte) (string, error) {
	for i := 2; i+4 <= len(data); {
		if data[i] != 0xff {
			return "", fmt.Errorf("the JPEG is damaged at byte %d", i)
		}
		marker := data[i+1]
		if marker == 0xda {
			return "", nil
		}
		size := int(binary.BigEndian.Uint16(data[i+2:]))
		if size < 2 || i+2+size > len(data) {
			return "", fmt.Errorf("the JPEG is damaged at byte %d", i)
		}
		body := data[i+4 : i+2+size]
		switch {
		case marker == 0xe1 && bytes.HasPrefix(body, []byte("Exif\x00")):
			return "EXIF", nil
		case marker == 0xe0 && bytes.HasPrefix(body, []byte("JFIF\x00")), marker == 0xee && bytes.HasPrefix(body, []byte("Adobe")):
		case marker == 0xfe, marker >= 0xe0 && marker <= 0xef:
			return fmt.Sprintf("a segment 0x%02x", marker), nil
		}
		i += 2 + size
	}
	return "", fmt.Errorf("the JPEG has no picture")
}

// chunkBaggage walks PNG or RIFF chunks and names the first that is not
// needed to show or play; trailer is what follows each chunk's data.
func chunkBaggage(data []byte, order binary.ByteOrder, needed string, trailer int) (string, error) {
	for i := 0; i+8 <= len(data); {
		name, size := string(data[i:i+4]), int(order.Uint32(data[i+4:]))
		if trailer > 0 { // PNG puts the length first
			name, size = string(data[i+4:i+8]), int(order.Uint32(data[i:]))
		}
		if size < 0 || i+8+size > len(data) {
			return "", fmt.Errorf("the chunk %q at byte %d is damaged", name, i)
		}
		if !strings.Contains(needed, name) {
			return fmt.Sprintf("a chunk %q", name), nil
		}
		i += 8 + size + trailer
		if trailer == 0 {
			i += size % 2
		}
	}
	return "", nil
}
