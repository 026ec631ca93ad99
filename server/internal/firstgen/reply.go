package firstgen

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/upload"
)

// Bounds of a form: its texts, and how long a part and the whole may keep us
// waiting. The largest form needs 20 minutes on a line of 1 Mbit/s.
const (
	maxText  = 1 << 10
	maxParts = 20
	partWait = time.Minute
	formWait = 20 * time.Minute
)

// form is a reply as it came.
type form struct {
	username string
	whisper  string
	files    map[protocol.Role]*received
}

type received struct {
	file   *os.File
	digest string
	size   int64
}

func (f *form) drop() {
	for _, r := range f.files {
		_ = r.file.Close() // it is removed anyway
		_ = os.Remove(r.file.Name())
	}
}

// reply takes an answer. Sending it again gives the same answer as the first
// time: these clients cannot tell a lost answer from a failure.
func (s *Service) reply(c echo.Context) error {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-c.Request().Context().Done():
		return c.Request().Context().Err()
	}
	f, err := s.read(c)
	defer f.drop()
	if err != nil {
		return err
	}
	box, ok := boxOf(c, f.username)
	if !ok {
		return unknownBox()
	}
	audio := f.files[protocol.RoleAudio]
	if audio == nil || audio.size == 0 {
		return model.Refuse(protocol.CodeInvalid, "The answer has no recording.", "Send it as audio_file.")
	}
	ctx := c.Request().Context()
	hop, epoch, err := s.Relay.FirstGenHop(ctx, box.ID, strings.TrimSpace(f.whisper))
	if err != nil {
		return err
	}
	reply := protocol.Reply{ID: replyID(hop, epoch, f), Epoch: epoch, Take: 1, Facts: protocol.Facts{SavedAt: s.Now().UTC(), SentBy: "press", Photo: "none", Takes: 1}}
	has, err := s.Relay.HasReply(ctx, box.ID, reply.ID)
	if err != nil {
		return err
	}
	if !has {
		for _, role := range []protocol.Role{protocol.RoleAudio, protocol.RoleImage} {
			r := f.files[role]
			if r == nil || r.size == 0 {
				continue
			}
			u, err := s.Uploads.Accept(ctx, box.ID, upload.OwnerDevice, role, r.file, limit(role))
			if role == protocol.RoleImage && isRefused(err) {
				// These clients send once, and cannot send the voice alone.
				s.Log.Warn("a picture of the first generation could not be read; the recording is kept", "device", box.ID)
				reply.Facts.Photo = "failed"
				continue
			}
			if err != nil {
				return err
			}
			if role == protocol.RoleImage {
				reply.Facts.Photo = "taken"
			}
			reply.Files = append(reply.Files, protocol.File{
				Role: role, SHA256: u.Media.SHA256, Size: u.Media.Size, Type: u.Media.Type, Encoding: protocol.EncodingPlain, Upload: u.ID,
			})
		}
		if _, err := s.Relay.Reply(ctx, box.ID, hop, reply); err != nil {
			return err
		}
	}
	s.Presence.Heard(box.ID)
	return c.JSON(http.StatusOK, map[string]string{"status": "success", "message": "received", "whisper_id": f.whisper})
}

// isRefused reports that a file is none that can be kept, however often it is sent.
func isRefused(err error) bool {
	e, ok := model.AsError(err)
	return ok && e.Code == protocol.CodeMediaRefused
}

// replyID is the same for the same answer to the same turn.
func replyID(hop string, epoch int, f *form) string {
	text := fmt.Sprintf("%s %d", hop, epoch)
	for _, role := range []protocol.Role{protocol.RoleAudio, protocol.RoleImage} {
		if r := f.files[role]; r != nil {
			text += " " + r.digest
		}
	}
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(text)).String()
}

func limit(role protocol.Role) int64 {
	if role == protocol.RoleImage {
		return protocol.MaxImageBytes
	}
	return protocol.MaxAudioBytes
}

var roles = map[string]protocol.Role{"audio_file": protocol.RoleAudio, "image_file": protocol.RoleImage}

// read takes the form's parts in any order, files to disk.
func (s *Service) read(c echo.Context) (*form, error) {
	f := &form{files: map[protocol.Role]*received{}}
	r := c.Request()
	r.Body = &patient{r.Body, http.NewResponseController(c.Response()), time.Now().Add(formWait)}
	parts, err := r.MultipartReader()
	if err != nil {
		return f, malformed(err)
	}
	for range maxParts {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return f, malformed(err)
		}
		role, isFile := roles[part.FormName()]
		if isFile {
			if f.files[role] != nil {
				return f, malformed(errors.New("a file came twice"))
			}
			if err := s.receive(f, role, part); err != nil {
				return f, err
			}
			continue
		}
		text, err := io.ReadAll(io.LimitReader(part, maxText+1))
		if err != nil || len(text) > maxText {
			return f, malformed(err)
		}
		switch part.FormName() {
		case "username", "pi_incoming_username":
			f.username = string(text)
		case "whisper_id":
			f.whisper = string(text)
		}
	}
	return f, malformed(errors.New("too many parts"))
}

func malformed(err error) error {
	return &model.Error{Code: protocol.CodeInvalid, Sentence: "The form could not be read.",
		Next: "Send audio_file, image_file, whisper_id and username as multipart/form-data.", Wrapped: err}
}

func (s *Service) receive(f *form, role protocol.Role, in io.Reader) error {
	tmp, err := os.CreateTemp(s.Dir, "reply-*.tmp")
	if err != nil {
		return fmt.Errorf("firstgen: keep a file: %w", err)
	}
	got := &received{file: tmp}
	f.files[role] = got
	h := sha256.New()
	got.size, err = io.Copy(io.MultiWriter(tmp, h), io.LimitReader(in, limit(role)+1))
	if err != nil {
		return malformed(err)
	}
	if got.size > limit(role) {
		return model.Refuse(protocol.CodeMediaRefused, "This file is too large.", "Send a smaller one.")
	}
	got.digest = hex.EncodeToString(h.Sum(nil))
	if _, err := tmp.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("firstgen: read a file again: %w", err)
	}
	return nil
}

// patient gives each read its own time, up to an end: a home's line is slow, not
// dead, and who drips for ever takes a place from others.
type patient struct {
	io.ReadCloser
	control *http.ResponseController
	end     time.Time
}

func (p *patient) Read(b []byte) (int, error) {
	next := time.Now().Add(partWait)
	if next.After(p.end) {
		next = p.end
	}
	if err := p.control.SetReadDeadline(next); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.ReadCloser.Read(b)
}
