package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"illumi/protocol"
)

// serverState is what a server of these tests has on its disk.
type serverState struct {
	offers  []protocol.Offer // each change, in order; the cursor is an index
	media   map[string][]byte
	uploads map[string][]byte // by id
	sizes   map[string]int    // of uploads
	replies []handedIn
	checks  []protocol.Check
	clips   protocol.Clips
}

type handedIn struct {
	hop     string
	reply   protocol.Reply
	receipt protocol.Receipt
}

// server keeps the device API's contract as far as a daemon can see it.
type server struct {
	*httptest.Server
	t *testing.T

	mu        sync.Mutex
	s         serverState
	down      bool
	hidden    bool // media cannot be had
	lateHops  map[string]bool
	recall    int    // status of take-backs; 0 is 200
	dropped   int    // take-backs to carry out without an answer
	requests  int    // of any kind
	onClips   func() // with its list given
	onReceipt func() // after a reply was stored, before its answer
}

func newServer(t *testing.T) *server {
	s := &server{t: t, lateHops: map[string]bool{}}
	s.s = serverState{media: map[string][]byte{}, uploads: map[string][]byte{}, sizes: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+protocol.PathOffers, s.getOffers)
	mux.HandleFunc("GET "+protocol.PathMedia+"{digest}", s.getMedia)
	mux.HandleFunc("POST "+protocol.PathUploads+"{$}", s.create)
	mux.HandleFunc("HEAD "+protocol.PathUploads+"{id}", s.head)
	mux.HandleFunc("PATCH "+protocol.PathUploads+"{id}", s.patch)
	mux.HandleFunc("POST "+protocol.PathChecks, s.handIn)
	mux.HandleFunc("GET "+protocol.PathClips, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, s.s.clips)
		if s.onClips != nil {
			s.onClips()
		}
	})
	mux.HandleFunc("GET "+protocol.PathClips+"/{digest}", s.getMedia)
	mux.HandleFunc("PUT "+protocol.PathHops+"{hop}/reply", s.put)
	mux.HandleFunc("DELETE "+protocol.PathHops+"{hop}/reply/{reply}", s.takeBack)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests++
		if s.down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// do changes something between two requests.
func (s *server) do(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

// clone is a server whose disk is a copy of this one's.
func (s serverState) clone() serverState {
	s.offers = slices.Clone(s.offers)
	s.media = maps.Clone(s.media)
	s.uploads = maps.Clone(s.uploads)
	s.sizes = maps.Clone(s.sizes)
	s.replies = slices.Clone(s.replies)
	s.checks = slices.Clone(s.checks)
	return s
}

func (s *server) snapshot() serverState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.s.clone()
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// offer puts a whisper's turn on the list.
func (s *server) offer(hop string, change func(*protocol.Offer), files ...[]byte) protocol.Offer {
	o := protocol.Offer{Hop: hop, Whisper: hopID(900), Position: 2, Epoch: 1, State: protocol.OfferOpen, SendMode: protocol.SendConfirm,
		PhotoAllowed: true, OfferedAt: time.Now().UTC(), Files: []protocol.File{}}
	for i, data := range files {
		f := protocol.File{Role: protocol.RoleAudio, SHA256: digest(data), Size: int64(len(data)), Type: "audio/wav", Encoding: protocol.EncodingPlain}
		if i > 0 {
			f.Role, f.Type = protocol.RoleImage, "image/jpeg"
		}
		o.Files = append(o.Files, f)
	}
	if change != nil {
		change(&o)
	}
	s.do(func() {
		for _, data := range files {
			s.s.media[digest(data)] = data
		}
		s.s.offers = append(s.s.offers, o)
	})
	return o
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the box will notice
}

func problem(w http.ResponseWriter, status int, code protocol.Code) {
	w.Header().Set("Content-Type", protocol.ProblemType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(protocol.Problem{Title: "no", Status: status, Detail: "No.", Code: code}) // as above
}

func (s *server) getOffers(w http.ResponseWriter, r *http.Request) {
	since, err := strconv.Atoi(r.URL.Query().Get("since"))
	if err != nil {
		answer(w, protocol.OffersPage{Offers: s.s.waiting(), Cursor: strconv.Itoa(len(s.s.offers))})
		return
	}
	answer(w, protocol.OffersPage{Offers: s.s.offers[since:], Cursor: strconv.Itoa(len(s.s.offers))})
}

func (s *server) getMedia(w http.ResponseWriter, r *http.Request) {
	data, ok := s.s.media[r.PathValue("digest")]
	if !ok || s.hidden {
		problem(w, 404, protocol.CodeNotFound)
		return
	}
	w.Header().Set("ETag", `"`+r.PathValue("digest")+`"`)
	_, _ = w.Write(data) // the box will notice
}

func (s *server) create(w http.ResponseWriter, r *http.Request) {
	id := fmt.Sprintf("upload-%d", len(s.s.uploads)+1)
	size, err := strconv.Atoi(r.Header.Get("Upload-Length"))
	if err != nil {
		problem(w, 400, protocol.CodeInvalid)
		return
	}
	s.s.uploads[id], s.s.sizes[id] = []byte{}, size
	w.Header().Set("Tus-Resumable", "1.0.0")
	w.Header().Set("Location", protocol.PathUploads+id)
	w.WriteHeader(http.StatusCreated)
}

func (s *server) head(w http.ResponseWriter, r *http.Request) {
	data, ok := s.s.uploads[r.PathValue("id")]
	w.Header().Set("Tus-Resumable", "1.0.0")
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Upload-Offset", strconv.Itoa(len(data)))
	w.Header().Set("Upload-Length", strconv.Itoa(s.s.sizes[r.PathValue("id")]))
}

func (s *server) patch(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	w.Header().Set("Tus-Resumable", "1.0.0")
	if r.Header.Get("Upload-Offset") != strconv.Itoa(len(s.s.uploads[id])) {
		w.WriteHeader(http.StatusConflict)
		return
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.s.uploads[id] = append(slices.Clone(s.s.uploads[id]), data...)
	w.Header().Set("Upload-Offset", strconv.Itoa(len(s.s.uploads[id])))
	w.WriteHeader(http.StatusNoContent)
}

func (s *server) put(w http.ResponseWriter, r *http.Request) {
	var reply protocol.Reply
	data, err := io.ReadAll(r.Body)
	if err == nil {
		err = protocol.Decode(data, &reply)
	}
	if err == nil {
		err = reply.Check()
	}
	if err != nil {
		s.t.Errorf("a reply that makes no sense: %v", err)
		problem(w, 400, protocol.CodeInvalid)
		return
	}
	for _, h := range s.s.replies {
		if h.reply.ID == reply.ID {
			answer(w, h.receipt)
			return
		}
	}
	for _, f := range reply.Files {
		if digest(s.s.uploads[f.Upload]) != f.SHA256 {
			problem(w, 409, protocol.CodeUploadUnknown)
			return
		}
	}
	hop := r.PathValue("hop")
	receipt := protocol.Receipt{Reply: reply.ID, Hop: hop, Whisper: hopID(900), State: protocol.ReplyAccepted, ReceivedAt: time.Now().UTC(), Files: reply.Files}
	if s.lateHops[hop] || s.s.accepted(hop) > 0 {
		receipt.State = protocol.ReplyLate
	}
	s.s.replies = append(s.s.replies, handedIn{hop, reply, receipt})
	if s.onReceipt != nil {
		s.onReceipt()
	}
	answer(w, receipt)
}

// waiting are the turns that are a box's now.
func (s serverState) waiting() []protocol.Offer {
	list := []protocol.Offer{}
	for i, o := range s.offers {
		over := o.State != protocol.OfferOpen ||
			slices.ContainsFunc(s.offers[i+1:], func(p protocol.Offer) bool { return p.Hop == o.Hop }) ||
			slices.ContainsFunc(s.replies, func(h handedIn) bool {
				return h.hop == o.Hop && h.reply.Epoch == o.Epoch && h.receipt.State == protocol.ReplyAccepted
			})
		if !over {
			list = append(list, o)
		}
	}
	return list
}

func (s serverState) accepted(hop string) int {
	n := 0
	for _, h := range s.replies {
		if h.hop == hop && h.receipt.State == protocol.ReplyAccepted {
			n++
		}
	}
	return n
}

func (s *server) takeBack(w http.ResponseWriter, r *http.Request) {
	if s.recall != 0 {
		problem(w, s.recall, protocol.CodeReplyForwarded)
		return
	}
	for i, h := range s.s.replies {
		if h.reply.ID != r.PathValue("reply") {
			continue
		}
		if h.receipt.State != protocol.ReplyTakenBack {
			s.s.replies[i].receipt.State = protocol.ReplyTakenBack
			for _, o := range slices.Backward(s.s.offers) {
				if o.Hop == h.hop {
					o.State = protocol.OfferOpen
					s.s.offers = append(s.s.offers, o) // the turn is the box's again, in the same epoch
					break
				}
			}
		}
		if s.dropped > 0 {
			s.dropped--
			panic(http.ErrAbortHandler)
		}
		answer(w, s.s.replies[i].receipt)
		return
	}
	problem(w, 404, protocol.CodeHopUnknown)
}

func hopID(n int) string { return fmt.Sprintf("01930d5e-7c1a-7000-8000-%012x", n) }
