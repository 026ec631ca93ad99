package upload

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"illumi/protocol"
)

// client is a box, or a page where user is set, over plain HTTP.
type client struct {
	t    testing.TB
	url  string
	box  string
	user string
}

func (r *rig) box(name string) client  { return client{t: r.t, url: r.srv.URL, box: name} }
func (r *rig) page(name string) client { return client{t: r.t, url: r.srv.URL, user: name} }

type reply struct {
	status  int
	header  http.Header
	problem protocol.Problem
}

func (c client) request(method, path string, body io.Reader, header ...string) *http.Request {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Tus-Resumable", "1.0.0")
	if c.box != "" {
		req.Header.Set("Authorization", "Bearer "+c.box)
	}
	if c.user != "" {
		req.AddCookie(&http.Cookie{Name: "session", Value: c.user})
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return req
}

func (c client) try(method, path string, body io.Reader, header ...string) (reply, error) {
	c.t.Helper()
	res, err := http.DefaultClient.Do(c.request(method, path, body, header...))
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{}, err
	}
	out := reply{status: res.StatusCode, header: res.Header}
	if res.StatusCode >= 400 && method != http.MethodHead {
		if err := protocol.Decode(raw, &out.problem); err != nil {
			c.t.Errorf("%s %s: %d is no problem document: %q", method, path, res.StatusCode, raw)
		}
		p := out.problem
		if got := res.Header.Get("Content-Type"); got != protocol.ProblemType || p.Status != res.StatusCode || p.Detail == "" || p.Code == "" || p.Title == "" {
			c.t.Errorf("%s %s: incomplete problem %+v (%s)", method, path, p, got)
		}
		if strings.Contains(string(raw), "/tmp") || strings.Contains(string(raw), "ERR_") {
			c.t.Errorf("%s %s: the problem tells what is inside: %s", method, path, raw)
		}
	}
	return out, nil
}

func (c client) do(method, path string, body io.Reader, header ...string) reply {
	c.t.Helper()
	out, err := c.try(method, path, body, header...)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

func (c client) base() string {
	if c.user != "" {
		return userBase
	}
	return protocol.PathUploads
}

func meta(role protocol.Role, digest string) string {
	b64 := base64.StdEncoding.EncodeToString
	out := "role " + b64([]byte(role)) + ",filename " + b64([]byte("Oma Käthe.jpg"))
	if digest != "" {
		out += ",sha256 " + b64([]byte(digest))
	}
	return out
}

func (c client) announce(role protocol.Role, digest string, size int) reply {
	c.t.Helper()
	return c.do(http.MethodPost, c.base(), nil, "Upload-Length", strconv.Itoa(size), "Upload-Metadata", meta(role, digest))
}

// create begins an upload of data and returns its path.
func (c client) create(role protocol.Role, data []byte) string {
	c.t.Helper()
	out := c.announce(role, sum(data), len(data))
	at := out.header.Get("Location")
	if out.status != http.StatusCreated || !strings.HasPrefix(at, c.base()) {
		c.t.Fatalf("create: %d %q %+v", out.status, at, out.problem)
	}
	return at
}

func (c client) patch(at string, offset int, data []byte) reply {
	c.t.Helper()
	return c.do(http.MethodPatch, at, bytes.NewReader(data), patchHeader(offset)...)
}

func patchHeader(offset int) []string {
	return []string{"Content-Type", "application/offset+octet-stream", "Upload-Offset", strconv.Itoa(offset)}
}

func (c client) offset(at string) int {
	c.t.Helper()
	out := c.do(http.MethodHead, at, nil)
	n, err := strconv.Atoi(out.header.Get("Upload-Offset"))
	if out.status != http.StatusOK || err != nil {
		c.t.Fatalf("head: %d, offset %v", out.status, err)
	}
	return n
}

// dialPatch begins a PATCH that announces all of rest, waits until the server
// reads its body, which it does under the upload's lock, and sends n bytes.
func (c client) dialPatch(at string, offset int, rest []byte, n int) (net.Conn, *bufio.Reader) {
	c.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { hangUp(conn) })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	req := c.request(http.MethodPatch, at, bytes.NewReader(rest), patchHeader(offset)...)
	req.Header.Set("Expect", "100-continue")
	var whole bytes.Buffer
	if err := req.Write(&whole); err != nil {
		c.t.Fatal(err)
	}
	head, body := whole.Bytes()[:whole.Len()-len(rest)], rest[:n]
	if _, err := conn.Write(head); err != nil {
		c.t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
		c.t.Fatalf("the body was not asked for: %q, %v", line, err)
	}
	if _, err := r.ReadString('\n'); err != nil {
		c.t.Fatal(err)
	}
	if _, err := conn.Write(body); err != nil {
		c.t.Fatal(err)
	}
	return conn, r
}

func hangUp(conn net.Conn) {
	_ = conn.Close() // what became of it is the server's to find out
}

// statusOn reads the answer that a dialled PATCH got.
func (c client) statusOn(r *bufio.Reader) int {
	c.t.Helper()
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode
}

// waitSize waits until so many bytes of an upload have reached its file.
func waitSize(t testing.TB, file string, size int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if st, err := os.Stat(file); err == nil && st.Size() == int64(size) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d bytes never arrived", size)
		}
	}
}

func idOf(at string) string { return filepath.Base(at) }
