package transfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"illumi/agent/internal/spool"
	"illumi/protocol"
)

var secret = strings.Repeat("5e", 32)

// fake is the server's half of the contract, with every box's data in memory.
// Its tus part stores whatever arrived before a cut, as tusd does.
type fake struct {
	*httptest.Server
	mu      sync.Mutex
	changes []protocol.Offer // the cursor counts them
	media   map[string][]byte
	uploads map[string]*fakeUpload
	replies map[string]protocol.Receipt // by hop
	puts    int
	asked   int
	created int
	page    int // offers a page
	conns   int
	idle    *sync.Cond // conns fell to zero
	// hook may answer a request itself; it returns true when it did.
	hook func(w http.ResponseWriter, r *http.Request) bool
}

type fakeUpload struct {
	mu   sync.Mutex
	meta map[string]string
	size int64
	got  []byte
	gone bool
}

func newFake(t testing.TB) *fake {
	f := &fake{media: map[string][]byte{}, uploads: map[string]*fakeUpload{}, replies: map[string]protocol.Receipt{}, page: 2}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+protocol.PathOffers, f.offers)
	mux.HandleFunc("GET "+protocol.PathMedia+"{digest}", f.file)
	mux.HandleFunc("POST "+protocol.PathUploads+"{$}", f.create)
	mux.HandleFunc("HEAD "+protocol.PathUploads+"{id}", f.head)
	mux.HandleFunc("PATCH "+protocol.PathUploads+"{id}", f.patch)
	mux.HandleFunc("PUT "+protocol.PathHops+"{hop}/reply", f.put)
	mux.HandleFunc("DELETE "+protocol.PathHops+"{hop}/reply/{reply}", f.takeBack)
	mux.HandleFunc("POST "+protocol.PathEnroll, f.enroll)
	f.idle = sync.NewCond(&f.mu)
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		hook := f.hook
		f.mu.Unlock()
		if hook != nil && hook(w, r) {
			return
		}
		if r.URL.Path != protocol.PathEnroll && r.Header.Get("Authorization") != "Bearer "+secret {
			problem(w, 401, protocol.CodeDeviceUnknown)
			return
		}
		if r.URL.Path != protocol.PathEnroll && r.Header.Get(protocol.HeaderBoard) != "board-7" {
			problem(w, 403, protocol.CodeDeviceHeld)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	f.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		f.mu.Lock()
		defer f.mu.Unlock()
		switch state {
		case http.StateNew:
			f.conns++
		case http.StateClosed:
			f.conns--
			f.idle.Broadcast()
		}
	}
	f.Start()
	t.Cleanup(f.Close)
	return f
}

// settle waits until the server has seen every connection end.
func (f *fake) settle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.conns > 0 {
		f.idle.Wait()
	}
}

func (f *fake) set(hook func(w http.ResponseWriter, r *http.Request) bool) {
	f.mu.Lock()
	f.hook = hook
	f.mu.Unlock()
}

func problem(w http.ResponseWriter, status int, code protocol.Code) {
	w.Header().Set("Content-Type", protocol.ProblemType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(protocol.Problem{Title: "No", Status: status, Detail: "That did not work.", Code: code})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(v)
}

func (f *fake) offer(o protocol.Offer) {
	f.mu.Lock()
	f.changes = append(f.changes, o)
	f.mu.Unlock()
}

func (f *fake) offers(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	since, err := strconv.Atoi(r.URL.Query().Get("since"))
	if s := r.URL.Query().Get("since"); s != "" && (err != nil || since > len(f.changes)) {
		problem(w, 400, protocol.CodeInvalid)
		return
	}
	end := min(len(f.changes), since+f.page)
	answer(w, protocol.OffersPage{Offers: f.changes[since:end], Cursor: strconv.Itoa(end), More: end < len(f.changes)})
}

func (f *fake) file(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	data, ok := f.media[r.PathValue("digest")]
	f.mu.Unlock()
	if !ok {
		problem(w, 404, protocol.CodeNotFound)
		return
	}
	w.Header().Set("ETag", `"`+r.PathValue("digest")+`"`)
	w.Header().Set("Content-Type", "audio/wav")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

func (f *fake) create(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Tus-Resumable", "1.0.0")
	meta := map[string]string{}
	for pair := range strings.SplitSeq(r.Header.Get("Upload-Metadata"), ",") {
		k, v, _ := strings.Cut(pair, " ")
		b, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			http.Error(w, "metadata", 400)
			return
		}
		meta[k] = string(b)
	}
	size, err := strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64)
	if err != nil || !protocol.ValidDigest(meta["sha256"]) || !protocol.ValidID(meta["hop"]) || meta["role"] == "" || meta["type"] == "" {
		http.Error(w, "metadata", 400)
		return
	}
	f.mu.Lock()
	f.created++
	id := fmt.Sprintf("node1+%d", f.created)
	f.uploads[id] = &fakeUpload{meta: meta, size: size}
	f.mu.Unlock()
	// What a proxy makes of it: another scheme, another host.
	w.Header().Set("Location", "http://inside.invalid"+protocol.PathUploads+id)
	w.WriteHeader(http.StatusCreated)
}

func (f *fake) upload(w http.ResponseWriter, r *http.Request) *fakeUpload {
	w.Header().Set("Tus-Resumable", "1.0.0")
	f.mu.Lock()
	u := f.uploads[r.PathValue("id")]
	f.mu.Unlock()
	if u == nil {
		http.Error(w, "upload not found", 404)
		return nil
	}
	u.mu.Lock() // one request at a time, as tusd's locker
	if u.gone {
		u.mu.Unlock()
		http.Error(w, "upload gone", http.StatusGone)
		return nil
	}
	return u
}

func (f *fake) head(w http.ResponseWriter, r *http.Request) {
	if u := f.upload(w, r); u != nil {
		defer u.mu.Unlock()
		w.Header().Set("Upload-Offset", strconv.Itoa(len(u.got)))
		w.Header().Set("Upload-Length", strconv.FormatInt(u.size, 10))
	}
}

func (f *fake) patch(w http.ResponseWriter, r *http.Request) {
	u := f.upload(w, r)
	if u == nil {
		return
	}
	defer u.mu.Unlock()
	if r.Header.Get("Upload-Offset") != strconv.Itoa(len(u.got)) {
		http.Error(w, "mismatched offset", http.StatusConflict)
		return
	}
	buf := make([]byte, 1024)
	for {
		n, err := r.Body.Read(buf)
		u.got = append(u.got, buf[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil {
			return
		}
	}
	if int64(len(u.got)) == u.size && digest(u.got) != u.meta["sha256"] {
		u.gone = true
		http.Error(w, "checksum mismatch", protocol.StatusDigestMismatch)
		return
	}
	w.Header().Set("Upload-Offset", strconv.Itoa(len(u.got)))
	w.WriteHeader(http.StatusNoContent)
}

func (f *fake) put(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var reply protocol.Reply
	if err != nil || protocol.Decode(body, &reply) != nil || reply.Check() != nil {
		problem(w, 400, protocol.CodeInvalid)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.puts++
	hop := r.PathValue("hop")
	if old, ok := f.replies[hop]; ok {
		if old.Reply != reply.ID {
			problem(w, 409, protocol.CodeReplyDiffers)
			return
		}
		answer(w, old)
		return
	}
	for _, file := range reply.Files {
		u := f.uploads[file.Upload]
		if u == nil || u.gone || int64(len(u.got)) != u.size || digest(u.got) != file.SHA256 {
			problem(w, 409, protocol.CodeUploadUnknown)
			return
		}
		f.media[file.SHA256] = u.got
	}
	receipt := protocol.Receipt{Reply: reply.ID, Hop: hop, Whisper: tid(900), State: protocol.ReplyAccepted, ReceivedAt: time.Now().UTC(), Files: reply.Files}
	f.replies[hop] = receipt
	answer(w, receipt)
}

func (f *fake) takeBack(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	receipt, ok := f.replies[r.PathValue("hop")]
	switch {
	case !ok || receipt.Reply != r.PathValue("reply"):
		problem(w, 404, protocol.CodeHopUnknown)
	case receipt.State == protocol.ReplyLate:
		problem(w, 409, protocol.CodeReplyForwarded)
	default:
		receipt.State = protocol.ReplyTakenBack
		f.replies[r.PathValue("hop")] = receipt
		answer(w, map[string]any{"state": receipt.State})
	}
}

func (f *fake) enroll(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var req protocol.EnrollRequest
	if err != nil || protocol.Decode(body, &req) != nil {
		problem(w, 400, protocol.CodeInvalid)
		return
	}
	if r.Header.Get("Authorization") != "" {
		problem(w, 400, protocol.CodeInvalid)
		return
	}
	if req.Code != "ABCDE23456" {
		problem(w, 404, protocol.CodeCodeUnknown)
		return
	}
	answer(w, protocol.EnrollResponse{Device: tid(1), Name: "janeeyre", Server: "Haus am See", ServerID: "s", ServerTime: time.Now().UTC()})
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// What the tests send.

func tid(n int) string { return fmt.Sprintf("01930d5e-7c1a-7000-8000-%012x", n) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sound(seed, n int) []byte {
	b := make([]byte, n)
	x := uint32(seed)*2654435761 + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func describe(role protocol.Role, data []byte) protocol.File {
	return protocol.File{Role: role, SHA256: digest(data), Size: int64(len(data)), Type: "audio/wav", Encoding: protocol.EncodingPlain}
}

func (f *fake) whisper(hop, epoch int, files ...[]byte) protocol.Offer {
	o := protocol.Offer{Hop: tid(hop), Whisper: tid(900), Position: hop, Epoch: epoch, State: protocol.OfferOpen,
		SendMode: protocol.SendGrace, OfferedAt: time.Unix(int64(hop), 0).UTC()}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, data := range files {
		role := protocol.RoleAudio
		if i > 0 {
			role = protocol.RoleImage
		}
		o.Files = append(o.Files, describe(role, data))
		f.media[digest(data)] = data
	}
	return o
}

func newSpool(t testing.TB) *spool.Spool {
	t.Helper()
	s, err := spool.Open(spool.Options{Dir: t.TempDir(), Reserve: 1})
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func seal(t testing.TB, s *spool.Spool, hop int, voice, photo []byte) spool.Item {
	t.Helper()
	d := spool.Draft{Hop: tid(hop), Whisper: tid(900), Epoch: 1, Take: 1, Facts: protocol.Facts{SavedAt: time.Unix(1, 0).UTC(), Takes: 1}}
	add := func(role protocol.Role, kind string, data []byte, open func(string, int) (file, error), keep func(string, int) (string, error)) {
		f, err := open(tid(hop), 1)
		must(t, err)
		_, err = f.Write(data)
		must(t, err)
		must(t, f.Close())
		at, err := keep(tid(hop), 1)
		must(t, err)
		d.Files = append(d.Files, spool.DraftFile{Role: role, Type: kind, Path: at})
	}
	add(protocol.RoleAudio, "audio/wav", voice, func(h string, n int) (file, error) { return s.CreateTake(h, n) }, s.KeepTake)
	if photo != nil {
		add(protocol.RoleImage, "image/jpeg", photo, func(h string, n int) (file, error) { return s.CreatePhoto(h, n) }, s.KeepPhoto)
	}
	it, err := s.Seal(d)
	must(t, err)
	return it
}

type file = io.WriteCloser

func client(t testing.TB, f *fake, change func(*Options)) *Client {
	t.Helper()
	o := Options{Server: f.URL, Secret: secret, Board: "board-7", Stall: 10 * time.Second}
	if change != nil {
		change(&o)
	}
	c, err := New(o)
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// deadline bounds a test that waits.
func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func spoil(t testing.TB, name string) {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	b[len(b)/2] ^= 1
	must(t, os.WriteFile(name, b, 0o600))
}
