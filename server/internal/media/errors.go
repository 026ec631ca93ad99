package media

import (
	"fmt"

	"illumi/protocol"
)

// Code is the stable name of a refusal, for APIs and tests.
type Code string

// The refusals of this package.
const (
	NotAnImage        Code = "not_an_image"
	NotARecording     Code = "not_a_recording"
	EmptyFile         Code = "empty_file"
	FileTooLarge      Code = "file_too_large"
	TooManyPixels     Code = "too_many_pixels"
	PictureTooHeavy   Code = "picture_too_heavy"
	TooLong           Code = "too_long"
	TooShort          Code = "too_short"
	DamagedFile       Code = "damaged_file"
	HEICNotSupported  Code = "heic_not_supported"
	SVGNotSupported   Code = "svg_not_supported"
	GIFNotSupported   Code = "gif_not_supported"
	VideoNotSupported Code = "video_not_supported"
	WebMNotSupported  Code = "webm_not_supported"
	UnknownEncoding   Code = "encoding_not_supported"
	NeedsConverter    Code = "needs_converter"
	ConversionFailed  Code = "conversion_failed"
	TookTooLong       Code = "took_too_long"
)

// sentences say what is wrong and what to do next.
var sentences = map[Code]string{
	NotAnImage:        "This file is not a picture that illumi can open, whatever its name says. Choose a JPEG, PNG or WebP picture.",
	NotARecording:     "This file is not a recording that illumi can open, whatever its name says. Choose a WAV, FLAC, MP3, Ogg or M4A recording.",
	EmptyFile:         "This file is empty. Save or record it again, then choose it once more.",
	FileTooLarge:      "This file is too large: at most %s are accepted. Make it smaller and choose it again.",
	TooManyPixels:     "This picture is too large: at most %d megapixels, and no side over %d pixels. Make it smaller and choose it again.",
	PictureTooHeavy:   "This picture is stored in a way that takes too much memory to open at its size. Save it as an ordinary (not progressive) JPEG, or make it smaller, and choose it again.",
	TooLong:           "This recording is too long: at most %d minutes are accepted. Shorten it and choose it again.",
	TooShort:          "This recording holds no sound: it is shorter than a tenth of a second. Record it again.",
	DamagedFile:       "This file is damaged or incomplete. Copy it again from where it came from, or save it anew, and choose it again.",
	HEICNotSupported:  "HEIC and AVIF pictures cannot be shown everywhere. Open the photo on the phone and share it as JPEG, or set the camera's format to Most Compatible, and choose it again.",
	SVGNotSupported:   "SVG drawings are not accepted, because they can carry programs. Export the drawing as PNG and choose that.",
	GIFNotSupported:   "GIF pictures are not accepted. Save the picture as PNG or JPEG and choose that.",
	VideoNotSupported: "This is a video. Save its sound alone as WAV or MP3 and choose that.",
	WebMNotSupported:  "WebM and Matroska files cannot be played on the boxes, even those that hold only sound. Save the sound as WAV or MP3 and choose that.",
	NeedsConverter:    "This server cannot convert M4A recordings, and the boxes cannot play them as they are. Save it as WAV or MP3 and choose it again; or have ffmpeg installed on the server.",
	ConversionFailed:  "This recording could not be converted, so the boxes could not play it. Save it as WAV or MP3 and choose it again.",
	TookTooLong:       "This file takes too long to open. Save it anew as an ordinary JPEG or WAV and choose it again.",
	UnknownEncoding:   "This recording uses an encoding that illumi cannot play. Save it as WAV, FLAC or MP3 and choose that.",
}

// Error is a refusal that a person can act on.
type Error struct {
	Code Code
	// Sentence is plain English: what is wrong, then what to do.
	Sentence string
	// Err is what was found, for logs of developers; may be nil. It never holds media.
	Err error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return "media: " + string(e.Code)
	}
	return fmt.Sprintf("media: %s: %v", e.Code, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is(err, &Error{Code: c}) compare codes.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// refuse makes the error of a code; limits in its sentence come with args.
func refuse(c Code, cause error, args ...any) *Error {
	s := sentences[c]
	if len(args) > 0 {
		s = fmt.Sprintf(s, args...)
	}
	return &Error{Code: c, Sentence: s, Err: cause}
}

func refusef(c Code, format string, args ...any) *Error {
	return refuse(c, fmt.Errorf(format, args...))
}

func damagedf(format string, args ...any) *Error { return refusef(DamagedFile, format, args...) }

func tooManyPixels(w, h int) *Error {
	return refuse(TooManyPixels, fmt.Errorf("%d x %d", w, h), protocol.MaxImagePixels/1_000_000, maxSide)
}

func tooLong(seconds float64) *Error {
	return refuse(TooLong, fmt.Errorf("%.1f s", seconds), protocol.MaxAudioSeconds/60)
}
