package model

// extensions of the types that are kept.
var extensions = map[string]string{
	"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp",
	"audio/wav": ".wav", "audio/flac": ".flac", "audio/mpeg": ".mp3", "audio/ogg": ".ogg", "audio/mp4": ".m4a",
}

// Extension is the ending of a file's name by its type; empty for a type that
// is not kept.
func (f File) Extension() string { return extensions[f.Type] }
