package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// ErrNotUTF8 is returned for text that is not UTF-8; a websocket closes with 1007.
var ErrNotUTF8 = errors.New("protocol: not UTF-8")

// Decode reads exactly one JSON value of known shape, within MaxBodyBytes and
// without unknown or repeated fields. It is what the server uses on a box's
// request: the server is never older than the box.
func Decode(data []byte, v any) error { return decode(data, v, true) }

// DecodeLoose is Decode but passes over fields that it does not know: what a
// box uses on the server's words, because a server is updated first.
func DecodeLoose(data []byte, v any) error { return decode(data, v, false) }

func decode(data []byte, v any, strict bool) error {
	if len(data) > MaxBodyBytes {
		return fmt.Errorf("protocol: %d bytes are over the limit of %d", len(data), MaxBodyBytes)
	}
	if !utf8.Valid(data) {
		return ErrNotUTF8
	}
	if err := noRepeats(data); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if strict {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("protocol: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("protocol: something follows the message")
	}
	return nil
}

// maxDepth bounds nesting; the deepest message of ours has four levels.
const maxDepth = 16

// noRepeats refuses an object that names a field twice, or in another spelling
// than lower case: encoding/json takes "Hop" for "hop", and two readers could
// otherwise understand two different things.
func noRepeats(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	type level struct {
		object bool
		key    bool // an object's next token is a key
		seen   map[string]bool
	}
	var stack []level
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("protocol: %w", err)
		}
		top := len(stack) - 1
		if delim, ok := tok.(json.Delim); ok {
			switch delim {
			case '{', '[':
				if len(stack) == maxDepth {
					return errors.New("protocol: nested too deep")
				}
				stack = append(stack, level{object: delim == '{', key: delim == '{', seen: map[string]bool{}})
				continue
			default:
				stack = stack[:top]
				top--
			}
		} else if top >= 0 && stack[top].object && stack[top].key {
			name := tok.(string)
			if !ownSpelling(name) {
				return fmt.Errorf("protocol: field %.40q is not in lower case", name)
			}
			if stack[top].seen[name] {
				return fmt.Errorf("protocol: field %.40q comes twice", name)
			}
			stack[top].seen[name] = true
			stack[top].key = false
			continue
		}
		if top >= 0 && stack[top].object {
			stack[top].key = true
		}
	}
}

// ownSpelling reports a name as our fields are spelled: a-z, 0-9 and _.
func ownSpelling(name string) bool {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return name != ""
}

// ParseMessage reads one websocket text frame of a box. The type may be one
// that this build does not know: the receiver passes over it.
func ParseMessage(frame []byte) (Message, error) { return parseMessage(frame, true) }

// ParseMessageLoose is ParseMessage but passes over fields that it does not
// know: what a box uses on the server's frames.
func ParseMessageLoose(frame []byte) (Message, error) { return parseMessage(frame, false) }

func parseMessage(frame []byte, strict bool) (Message, error) {
	var m Message
	if len(frame) > MaxMessageBytes {
		return m, fmt.Errorf("protocol: a message of %d bytes is over the limit of %d", len(frame), MaxMessageBytes)
	}
	if err := decode(frame, &m, strict); err != nil {
		return m, err
	}
	if !validToken(string(m.Type)) {
		return m, errors.New("protocol: the message has no proper type")
	}
	if !validToken(m.ID) {
		return m, errors.New("protocol: the message has no proper id")
	}
	return m, nil
}

// validToken reports 1 to 64 printable ASCII characters without space, quote or backslash.
func validToken(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// Encode makes the frame of a message; body may be nil.
func Encode(t MessageType, id string, body any) ([]byte, error) {
	m := Message{Type: t, ID: id}
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("protocol: encode %s: %w", t, err)
		}
		m.Body = raw
	}
	frame, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("protocol: encode %s: %w", t, err)
	}
	if len(frame) > MaxMessageBytes {
		return nil, fmt.Errorf("protocol: a %s of %d bytes is over the limit of %d", t, len(frame), MaxMessageBytes)
	}
	return frame, nil
}
