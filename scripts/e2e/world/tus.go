package world

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"illumi/protocol"
)

// partSize is how much of a file one PATCH carries.
const partSize = 5 << 20

// Refusal is what the server said no with.
type Refusal struct {
	Status   int
	Code     protocol.Code // of the device API and of uploads
	Sentence string
}

func (r *Refusal) Error() string { return r.Sentence }

// uploader sends files by tus 1.0, from a box or from a page.
type uploader struct {
	http *http.Client
	base string            // address of the collection
	head map[string]string // headers of every request
}

// Role says what a file is to a whisper: audio or image.
type Role = protocol.Role

// Upload describes a file that is sent.
type Upload struct {
	Path string
	Role Role
	Name string // what the sender calls it; empty: Path's last element
	// SHA256 is what is announced; empty: the file's own.
	SHA256 string
	// Progress, if set, hears how many bytes have arrived of how many.
	Progress func(sent, size int64)
}

// send carries a file over and returns its address on the server. Where the
// connection breaks it asks how much arrived and goes on, up to a few times.
func (u uploader) send(ctx context.Context, up Upload) (string, error) {
	f, err := os.Open(up.Path)
	if err != nil {
		return "", fmt.Errorf("the file cannot be opened: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("the file cannot be read: %w", err)
	}
	if st.IsDir() {
		return "", fmt.Errorf("%s is a folder, not a file", up.Path)
	}
	if up.SHA256 == "" {
		if up.SHA256, _, err = Digest(up.Path); err != nil {
			return "", err
		}
	}
	if up.Name == "" {
		up.Name = filepath.Base(up.Path)
	}
	address, err := u.create(ctx, up, st.Size())
	if err != nil {
		return "", err
	}
	var offset int64
	for tries := 0; offset < st.Size(); {
		next, err := u.patch(ctx, address, f, offset, st.Size())
		var refusal *Refusal
		if errors.As(err, &refusal) && refusal.Status < 500 && refusal.Status != http.StatusConflict {
			return "", err
		}
		if err != nil {
			if tries++; tries > 20 || ctx.Err() != nil {
				return "", err
			}
			if next, err = u.offset(ctx, address); err != nil {
				return "", err
			}
		}
		offset = next
		if up.Progress != nil {
			up.Progress(offset, st.Size())
		}
	}
	return address, nil
}

// create announces a file.
func (u uploader) create(ctx context.Context, up Upload, size int64) (string, error) {
	res, err := u.do(ctx, http.MethodPost, u.base, nil, map[string]string{
		"Upload-Length":   strconv.FormatInt(size, 10),
		"Upload-Metadata": metadata("role", string(up.Role), "sha256", up.SHA256, "filename", up.Name),
	})
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	at, err := url.Parse(u.base)
	if err == nil {
		at, err = at.Parse(res.Header.Get("Location"))
	}
	if err != nil {
		return "", fmt.Errorf("the upload's address cannot be read: %w", err)
	}
	return at.String(), nil
}

func (u uploader) patch(ctx context.Context, address string, f io.ReaderAt, offset, size int64) (int64, error) {
	part := min(size-offset, partSize)
	res, err := u.do(ctx, http.MethodPatch, address, io.NewSectionReader(f, offset, part), map[string]string{
		"Content-Type":  "application/offset+octet-stream",
		"Upload-Offset": strconv.FormatInt(offset, 10),
	})
	if err != nil {
		return offset, err
	}
	defer res.Body.Close()
	return strconv.ParseInt(res.Header.Get("Upload-Offset"), 10, 64)
}

func (u uploader) offset(ctx context.Context, address string) (int64, error) {
	res, err := u.do(ctx, http.MethodHead, address, nil, nil)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	return strconv.ParseInt(res.Header.Get("Upload-Offset"), 10, 64)
}

// do sends one request; an answer of 400 and above is a *Refusal.
func (u uploader) do(ctx context.Context, method, address string, body *io.SectionReader, head map[string]string) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		reader = body
	}
	req, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.ContentLength = body.Size()
	}
	req.Header.Set("Tus-Resumable", "1.0.0")
	for _, h := range []map[string]string{u.head, head} {
		for k, v := range h {
			req.Header.Set(k, v)
		}
	}
	res, err := u.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the server cannot be reached: %w", err)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		defer res.Body.Close()
		return nil, problem(res)
	}
	return res, nil
}

// problem reads a refusal of the API.
func problem(res *http.Response) error {
	r := &Refusal{Status: res.StatusCode, Sentence: "The server answers " + res.Status + "."}
	data, err := io.ReadAll(io.LimitReader(res.Body, protocol.MaxBodyBytes))
	if err != nil {
		return r
	}
	var p protocol.Problem
	if json.Unmarshal(data, &p) == nil && p.Detail != "" {
		r.Code, r.Sentence = p.Code, strings.TrimSpace(p.Detail+" "+p.Next)
	}
	return r
}

// metadata writes tus metadata: pairs of a name and a value.
func metadata(pairs ...string) string {
	var out []string
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, pairs[i]+" "+base64.StdEncoding.EncodeToString([]byte(pairs[i+1])))
	}
	return strings.Join(out, ",")
}
