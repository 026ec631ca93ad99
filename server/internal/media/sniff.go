package media

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// sniffLen is as much of the head as the detector looks at.
const sniffLen = 3072

// extensions holds every accepted type.
var extensions = map[string]string{
	"image/jpeg": ".jpg",
	"image/png":  ".png",
	"image/webp": ".webp",
	"audio/wav":  ".wav",
	"audio/flac": ".flac",
	"audio/mpeg": ".mp3",
	"audio/ogg":  ".ogg",
	"audio/mp4":  ".m4a",
}

// sniff returns the accepted type of the file, or the refusal that fits best
// for somebody who wanted to send a picture or a recording.
func sniff(f *file, want Kind) (string, error) {
	head := make([]byte, min(f.size, sniffLen))
	if _, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	found := mimetype.Detect(head).String()
	found, _, _ = strings.Cut(found, ";")
	typ := found
	if bytes.HasPrefix(head, []byte("fLaC")) {
		typ = "audio/flac" // the detector misses files without a comment block
	}
	switch found {
	case "image/apng", "image/vnd.mozilla.apng":
		typ = "image/png" // its still picture
	case "audio/x-m4a", "video/mp4", "video/3gpp", "video/3gpp2", "video/quicktime", "video/x-m4v":
		typ = "audio/mp4" // phones label plain recordings so; inspectM4A looks for pictures
	case "application/ogg", "video/ogg":
		typ = "audio/ogg"
	}
	if _, ok := extensions[typ]; ok && strings.HasPrefix(typ, string(want)+"/") {
		return typ, nil
	}
	return "", unwanted(found, head, want)
}

func unwanted(found string, head []byte, want Kind) *Error {
	cause := fmt.Errorf("content is %s", found)
	switch {
	case want == Audio && (found == "video/webm" || strings.HasSuffix(found, "matroska")):
		return refuse(WebMNotSupported, cause)
	case want == Audio && strings.HasPrefix(found, "video/"):
		return refuse(VideoNotSupported, cause)
	case want == Audio && strings.HasPrefix(found, "audio/") && extensions[found] == "":
		return refuse(UnknownEncoding, cause)
	case want == Audio:
		return refuse(NotARecording, cause)
	case strings.HasPrefix(found, "image/heic"), strings.HasPrefix(found, "image/heif"), found == "image/avif":
		return refuse(HEICNotSupported, cause)
	case found == "image/svg+xml", strings.HasPrefix(found, "text/") && bytes.Contains(head, []byte("<svg")):
		return refuse(SVGNotSupported, cause)
	case found == "image/gif":
		return refuse(GIFNotSupported, cause)
	}
	return refuse(NotAnImage, cause)
}
