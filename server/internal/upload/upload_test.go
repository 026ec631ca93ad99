package upload

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"illumi/protocol"
)

func TestUpload_WholeRecording(t *testing.T) {
	r := newRig(t)
	box := r.box("box-1")
	data := wav(1, 440)
	at := box.create(protocol.RoleAudio, data)
	half := len(data) / 2

	first := box.patch(at, 0, data[:half])
	want(t, "first half", first.status, http.StatusNoContent)
	want(t, "offset", first.header.Get("Upload-Offset"), strconv.Itoa(half))
	if first.header.Get("Upload-Expires") == "" {
		t.Error("an unfinished upload does not say when it expires")
	}
	head := box.do(http.MethodHead, at, nil)
	want(t, "length", head.header.Get("Upload-Length"), strconv.Itoa(len(data)))
	want(t, "cache", head.header.Get("Cache-Control"), "no-store")
	if m := head.header.Get("Upload-Metadata"); strings.Contains(m, "filename") || strings.Contains(m, "owner") {
		t.Errorf("metadata tells too much: %s", m)
	}
	want(t, "second half", box.patch(at, half, data[half:]).status, http.StatusNoContent)

	rows := r.book.all()
	if len(rows) != 1 {
		t.Fatalf("%d rows", len(rows))
	}
	u := rows[0]
	want(t, "id", u.ID, idOf(at))
	want(t, "owner", u.OwnerID, "box-1")
	want(t, "digest", u.Media.SHA256, sum(data))
	want(t, "type", u.Media.Type, "audio/wav")
	want(t, "expiry", u.ExpiresAt, r.now.Add(KeepFinished))
	for _, digest := range []string{u.Media.SHA256, u.Media.SharedSHA256} {
		if err := r.s.blobs.Verify(t.Context(), digest); err != nil {
			t.Errorf("stored %s: %v", digest, err)
		}
	}
	files, blobs := r.left()
	if len(files) != 0 || blobs != 2 {
		t.Errorf("left %q, %d blobs", files, blobs)
	}

	// Who lost the answer asks again, by either way, and learns the same.
	want(t, "offset when done", box.offset(at), len(data))
	again := box.patch(at, len(data), nil)
	want(t, "empty patch when done", again.status, http.StatusNoContent)
	late := box.patch(at, half, data[half:])
	want(t, "late patch", late.status, http.StatusConflict)
	want(t, "true offset", late.header.Get("Upload-Offset"), strconv.Itoa(len(data)))
	want(t, "delete when done", box.do(http.MethodDelete, at, nil).status, http.StatusConflict)
	u2, err := r.s.Finish(t.Context(), u.ID)
	if err != nil || u2 != u {
		t.Errorf("Finish again: %+v, %v", u2, err)
	}
	want(t, "records written", r.book.puts, 1)
}

func TestUpload_PageWithoutDigest(t *testing.T) {
	r := newRig(t)
	page := r.page("user-1")
	data := jpegOf(t, 300, 200)
	out := page.announce(protocol.RoleImage, "", len(data))
	want(t, "create", out.status, http.StatusCreated)
	at := out.header.Get("Location")
	want(t, "patch", page.patch(at, 0, data).status, http.StatusNoContent)
	u, err := r.s.Finish(t.Context(), idOf(at))
	if err != nil {
		t.Fatal(err)
	}
	want(t, "own digest", u.Media.SHA256, sum(data))
	want(t, "width", u.Media.SharedWidth, 300)
}

func TestUpload_CreationWithUpload(t *testing.T) {
	r := newRig(t)
	data := wav(0.5, 300)
	out := r.box("b").do(http.MethodPost, protocol.PathUploads, bytes.NewReader(data),
		"Upload-Length", strconv.Itoa(len(data)), "Upload-Metadata", meta(protocol.RoleAudio, sum(data)),
		"Content-Type", "application/offset+octet-stream")
	want(t, "status", out.status, http.StatusCreated)
	want(t, "offset", out.header.Get("Upload-Offset"), strconv.Itoa(len(data)))
	want(t, "rows", len(r.book.all()), 1)
}

// pngHeader is a PNG that claims a size and holds no picture.
func pngHeader(w, h uint32) []byte {
	var b bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	chunk := func(name string, body []byte) {
		b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(body))))
		b.WriteString(name)
		b.Write(body)
		b.Write(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(append([]byte(name), body...))))
	}
	ihdr := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	chunk("IHDR", append(ihdr, 8, 6, 0, 0, 0))
	chunk("IDAT", []byte{0x78, 0x9c, 3, 0, 0, 0, 0, 1})
	chunk("IEND", nil)
	return b.Bytes()
}

func TestUpload_RefusedByContent(t *testing.T) {
	gif := []byte("GIF89a\xff\x7f\xff\x7f\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\xff\x7f\xff\x7f\x00\x02\x02D\x01\x00;")
	r := newRig(t)
	for _, c := range []struct {
		name   string
		role   protocol.Role
		data   []byte
		status int
	}{
		{"text named jpg", protocol.RoleImage, []byte("Dear Oma, this is no picture."), http.StatusUnsupportedMediaType},
		{"svg", protocol.RoleImage, []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), http.StatusUnsupportedMediaType},
		{"gif bomb", protocol.RoleImage, gif, http.StatusUnsupportedMediaType},
		{"png bomb", protocol.RoleImage, pngHeader(40000, 40000), http.StatusUnprocessableEntity},
		{"recording as image", protocol.RoleImage, wav(1, 440), http.StatusUnsupportedMediaType},
		{"image as recording", protocol.RoleAudio, jpegOf(t, 8, 8), http.StatusUnsupportedMediaType},
		{"cut jpeg", protocol.RoleImage, jpegOf(t, 300, 300)[:4000], http.StatusUnprocessableEntity},
	} {
		t.Run(c.name, func(t *testing.T) {
			box := r.box("b")
			box.t = t
			at := box.create(c.role, c.data)
			out := box.patch(at, 0, c.data)
			want(t, "status", out.status, c.status)
			want(t, "code", out.problem.Code, protocol.CodeMediaRefused)
			want(t, "afterwards", box.do(http.MethodHead, at, nil).status, http.StatusNotFound)
			r.empty()
		})
	}
	want(t, "rows", len(r.book.all()), 0)
}

func TestUpload_RefusedAtCreation(t *testing.T) {
	r := newRig(t)
	digest := sum([]byte("x"))
	audio := meta(protocol.RoleAudio, digest)
	for _, c := range []struct {
		name    string
		client  client
		headers []string
		status  int
		code    protocol.Code
	}{
		{"no bytes", r.box("b"), []string{"Upload-Length", "0", "Upload-Metadata", audio}, 422, protocol.CodeMediaRefused},
		{"recording too large", r.box("b"), []string{"Upload-Length", "100000001", "Upload-Metadata", audio}, 413, protocol.CodeMediaRefused},
		{"image too large", r.box("b"), []string{"Upload-Length", "25000001", "Upload-Metadata", meta(protocol.RoleImage, digest)}, 413, protocol.CodeMediaRefused},
		{"page's image too large", r.page("u"), []string{"Upload-Length", "25000001", "Upload-Metadata", meta(protocol.RoleImage, "")}, 413, protocol.CodeMediaRefused},
		{"no length", r.box("b"), []string{"Upload-Metadata", audio}, 400, protocol.CodeInvalid},
		{"negative length", r.box("b"), []string{"Upload-Length", "-1", "Upload-Metadata", audio}, 400, protocol.CodeInvalid},
		{"length unknown", r.box("b"), []string{"Upload-Defer-Length", "1", "Upload-Metadata", audio}, 400, protocol.CodeInvalid},
		{"in parts", r.box("b"), []string{"Upload-Concat", "partial", "Upload-Length", "9", "Upload-Metadata", audio}, 400, protocol.CodeInvalid},
		{"box without digest", r.box("b"), []string{"Upload-Length", "9", "Upload-Metadata", meta(protocol.RoleAudio, "")}, 400, protocol.CodeInvalid},
		{"digest in capitals", r.box("b"), []string{"Upload-Length", "9", "Upload-Metadata", meta(protocol.RoleAudio, strings.ToUpper(digest))}, 400, protocol.CodeInvalid},
		{"page with a wrong digest", r.page("u"), []string{"Upload-Length", "9", "Upload-Metadata", meta(protocol.RoleAudio, "abc")}, 400, protocol.CodeInvalid},
		{"unknown role", r.box("b"), []string{"Upload-Length", "9", "Upload-Metadata", meta("video", digest)}, 400, protocol.CodeInvalid},
		{"no metadata", r.box("b"), []string{"Upload-Length", "9"}, 400, protocol.CodeInvalid},
		{"other tus", r.box("b"), []string{"Upload-Length", "9", "Upload-Metadata", audio, "Tus-Resumable", "0.2.2"}, 412, protocol.CodeVersion},
		{"no credential", client{url: r.srv.URL}, []string{"Upload-Length", "9", "Upload-Metadata", audio}, 401, protocol.CodeDeviceUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.client.t = t
			out := c.client.do(http.MethodPost, c.client.base(), nil, c.headers...)
			want(t, "status", out.status, c.status)
			want(t, "code", out.problem.Code, c.code)
			r.empty()
		})
	}
}

func TestUpload_DigestDiffers(t *testing.T) {
	r := newRig(t)
	box := r.box("b")
	data := wav(1, 440)
	at := box.create(protocol.RoleAudio, data)
	broken := bytes.Clone(data)
	broken[1000] ^= 1
	out := box.patch(at, 0, broken)
	want(t, "status", out.status, protocol.StatusDigestMismatch)
	want(t, "code", out.problem.Code, protocol.CodeDigestMismatch)
	want(t, "afterwards", box.do(http.MethodHead, at, nil).status, http.StatusNotFound)
	r.empty()
}

func TestUpload_WrongOffset(t *testing.T) {
	r := newRig(t)
	box := r.box("b")
	data := wav(1, 440)
	at := box.create(protocol.RoleAudio, data)
	box.patch(at, 0, data[:100])
	for _, offset := range []int{0, 99, 101, len(data)} {
		out := box.patch(at, offset, data[:1])
		want(t, "status", out.status, http.StatusConflict)
		want(t, "code", out.problem.Code, protocol.CodeConflict)
		want(t, "true offset", out.header.Get("Upload-Offset"), "100")
		want(t, "true offset in words", out.problem.State, "100")
	}
	too := box.patch(at, 100, append(data[100:len(data):len(data)], 0))
	want(t, "too many bytes", too.status, http.StatusRequestEntityTooLarge)
	want(t, "offset afterwards", box.offset(at), 100)
	want(t, "bad type", box.do(http.MethodPatch, at, nil, "Upload-Offset", "100").status, http.StatusBadRequest)
	_, err := r.s.Finish(t.Context(), idOf(at))
	want(t, "finish too early", Problem(err).Status, http.StatusConflict)
}

func TestUpload_BelongsToItsOwner(t *testing.T) {
	r := newRig(t)
	box := r.box("same-id")
	data := wav(1, 440)
	at := box.create(protocol.RoleAudio, data)
	box.patch(at, 0, data[:100])
	onPages := strings.Replace(at, protocol.PathUploads, userBase, 1)
	strangers := func(when string) {
		for _, c := range []struct {
			name   string
			client client
			at     string
			status int
		}{
			{"other box", r.box("other"), at, http.StatusNotFound},
			{"user with the box's id", r.page("same-id"), onPages, http.StatusNotFound},
			{"cookie at the boxes' path", r.page("same-id"), at, http.StatusUnauthorized},
			{"bearer at the pages' path", r.box("same-id"), onPages, http.StatusUnauthorized},
		} {
			if when == "finished" && c.name == "user with the box's id" {
				continue // ids of boxes and users never meet; a record names only the id
			}
			for _, m := range []string{http.MethodHead, http.MethodPatch, http.MethodDelete} {
				out := c.client.do(m, c.at, nil, patchHeader(100)...)
				want(t, when+": "+c.name+" "+m, out.status, c.status)
			}
		}
	}
	strangers("unfinished")
	want(t, "undisturbed", box.offset(at), 100)
	want(t, "rest", box.patch(at, 100, data[100:]).status, http.StatusNoContent)
	strangers("finished")
	for _, path := range []string{protocol.PathUploads + "nonsense", protocol.PathUploads + "..%2f..%2fetc%2fpasswd", protocol.PathUploads + idOf(at) + ".info"} {
		want(t, path, box.do(http.MethodHead, path, nil).status, http.StatusNotFound)
	}
	want(t, "download", box.do(http.MethodGet, at, nil).status, http.StatusMethodNotAllowed)
	want(t, "put", box.do(http.MethodPut, protocol.PathUploads, nil).status, http.StatusMethodNotAllowed)
}

func TestUpload_OwnerGivesUp(t *testing.T) {
	r := newRig(t)
	box := r.box("b")
	data := wav(1, 440)
	at := box.create(protocol.RoleAudio, data)
	box.patch(at, 0, data[:100])
	// A POST is a POST, whatever it says it wants to be.
	want(t, "override", box.do(http.MethodPost, at, nil, "X-HTTP-Method-Override", "DELETE").status, http.StatusMethodNotAllowed)
	want(t, "still there", box.offset(at), 100)
	want(t, "delete", box.do(http.MethodDelete, at, nil).status, http.StatusNoContent)
	want(t, "twice", box.do(http.MethodDelete, at, nil).status, http.StatusNotFound)
	r.empty()
}

func TestUpload_NoCORS(t *testing.T) {
	r := newRig(t)
	out := r.box("b").do(http.MethodOptions, protocol.PathUploads, nil, "Origin", "https://evil.example")
	want(t, "status", out.status, http.StatusOK)
	want(t, "extensions", out.header.Get("Tus-Extension"), "creation,creation-with-upload,termination,expiration")
	for name := range out.header {
		if strings.HasPrefix(name, "Access-Control") {
			t.Errorf("answers with %s", name)
		}
	}
}

func TestUpload_SameBytesBegunTwice(t *testing.T) {
	r := newRig(t)
	data := wav(1, 440)
	at := r.box("b").create(protocol.RoleAudio, data)
	want(t, "after a lost answer", r.box("b").create(protocol.RoleAudio, data), at)
	if other := r.box("c").create(protocol.RoleAudio, data); other == at {
		t.Error("two boxes share an upload")
	}
}

// A person can choose another recording; a box's answer is kept as it is.
func TestUpload_Silence(t *testing.T) {
	r := newRig(t)
	silent := wav(1, 0)
	page, box := r.page("user-1"), r.box("box-1")
	at := page.create(protocol.RoleAudio, silent)
	out := page.patch(at, 0, silent)
	want(t, "from a page", out.status, http.StatusUnprocessableEntity)
	want(t, "sentence", out.problem.Detail, "This recording is silent.")
	r.empty()
	want(t, "from a box", box.patch(box.create(protocol.RoleAudio, silent), 0, silent).status, http.StatusNoContent)
	want(t, "kept", len(r.book.all()), 1)
}
