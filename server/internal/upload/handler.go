package upload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/tus/tusd/v2/pkg/filestore"
	"github.com/tus/tusd/v2/pkg/handler"
	"golang.org/x/exp/slog" // the type of tusd's logger

	"illumi/protocol"
	"illumi/server/internal/media"
	"illumi/server/internal/model"
)

// OwnerFunc says who asks, by the one kind of credential that this mount
// accepts. Its error goes to the asker as it is: a *model.Error.
type OwnerFunc func(*http.Request) (ownerID string, kind OwnerKind, err error)

// Handler serves tus 1.0 below one base path, for one kind of owner. Mount it
// for the base path and everything below it, without a body limit and without
// a write time-out: it bounds bodies and silences itself.
type Handler struct {
	s     *Service
	base  string
	owner OwnerFunc
	tus   *handler.Handler
}

const tusVersion = "1.0.0"

// Handler makes a handler for a base path such as protocol.PathUploads; it
// begins and ends with a slash.
func (s *Service) Handler(base string, owner OwnerFunc) (*Handler, error) {
	if !strings.HasPrefix(base, "/") || !strings.HasSuffix(base, "/") || owner == nil {
		return nil, fmt.Errorf("upload: %q cannot be mounted", base)
	}
	h := &Handler{s: s, base: base, owner: owner}
	store := disk{filestore.New(s.dir), s}
	store.DirModePerm, store.FileModePerm = 0o700, 0o600
	composer := handler.NewStoreComposer()
	composer.UseCore(store)
	composer.UseTerminater(store)
	composer.UseLocker(locker{s.locks})
	tus, err := handler.NewHandler(handler.Config{
		StoreComposer:             composer,
		BasePath:                  base,
		MaxSize:                   protocol.MaxAudioBytes,
		DisableDownload:           true,
		DisableConcatenation:      true,
		Cors:                      &handler.CorsConfig{Disable: true},
		NetworkTimeout:            s.network,
		AcquireLockTimeout:        10 * time.Second,
		PreUploadCreateCallback:   h.creating,
		PreFinishResponseCallback: h.finishing,
		// What fails is returned by Serve; tusd's own log names every request.
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return nil, fmt.Errorf("upload: set tusd up: %w", err)
	}
	h.tus = tus
	return h, nil
}

// ServeHTTP is Serve for a server without an error renderer of its own. An
// internal error is answered and not logged.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := h.Serve(w, r)
	if err == nil {
		return
	}
	p := Problem(err)
	w.Header().Set("Content-Type", protocol.ProblemType)
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_ = json.NewEncoder(w).Encode(p) // a client that left needs no answer
	}
}

// Serve answers a request, or returns why not with nothing written yet. The
// error's status and words are those of Problem.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Tus-Resumable", tusVersion)
	w.Header().Set("Cache-Control", "no-store")
	owner, kind, err := h.owner(r)
	if err != nil {
		return err
	}
	if err := h.s.begin(); err != nil {
		return err
	}
	defer h.s.running.Done()
	// Routes and rights were judged by the true method.
	r.Header.Del("X-HTTP-Method-Override")
	if r.Method != http.MethodHead && r.Method != http.MethodOptions && r.Header.Get("Tus-Resumable") != tusVersion {
		w.Header().Set("Tus-Version", tusVersion)
		return errVersion
	}
	id := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, strings.TrimSuffix(h.base, "/")), "/")
	c := &call{id: id, asker: entry{owner: owner, kind: kind}, control: http.NewResponseController(w)}
	switch {
	case r.Method == http.MethodOptions:
		return h.pass(w, r, c)
	case r.Method == http.MethodPost && id == "":
		return h.create(w, r, c)
	case id == "" || r.Method != http.MethodHead && r.Method != http.MethodPatch && r.Method != http.MethodDelete:
		w.Header().Set("Allow", "OPTIONS, POST, HEAD, PATCH, DELETE")
		return errMethod
	case !protocol.ValidID(id):
		return errUnknown
	}
	return h.onUpload(w, r, c)
}

// create begins an upload, or finds the one that this owner began for the
// same bytes.
func (h *Handler) create(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := c.announced(r); err != nil {
		return err
	}
	id, found, err := h.s.reserve(r.Context(), c.asker)
	if err != nil {
		return err
	}
	c.id = id
	if found {
		w.Header().Set("Location", h.base+id)
		w.WriteHeader(http.StatusCreated)
		return nil
	}
	err = h.pass(w, r, c)
	if !c.created {
		return errors.Join(err, h.s.drop(id))
	}
	return err
}

// announced reads what the headers say of the file to come.
func (c *call) announced(r *http.Request) error {
	bad := func(sentence, next string) error { return model.Refuse(protocol.CodeInvalid, sentence, next) }
	if r.Header.Get("Upload-Defer-Length") != "" || r.Header.Get("Upload-Concat") != "" {
		return bad("Uploads of unknown length or in several files are not accepted.", "Send one file and its Upload-Length.")
	}
	size, err := strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64)
	if err != nil || size < 0 {
		return bad("The upload does not say how long it is.", "Send its Upload-Length in bytes.")
	}
	meta := handler.ParseMetadataHeader(r.Header.Get("Upload-Metadata"))
	e := &c.asker
	e.size, e.role, e.sha256 = size, protocol.Role(meta[metaRole]), meta[metaDigest]
	limit, kind := int64(protocol.MaxAudioBytes), media.Audio
	switch e.role {
	case protocol.RoleAudio:
	case protocol.RoleImage:
		limit, kind = protocol.MaxImageBytes, media.Image
	default:
		return bad("The upload does not say whether it is a recording or an image.", "Send role audio or image in Upload-Metadata.")
	}
	if e.sha256 == "" && e.kind == OwnerDevice {
		return bad("The upload has no digest.", "Send the file's sha256 in Upload-Metadata, as 64 lower-case hex digits.")
	}
	if e.sha256 != "" && !protocol.ValidDigest(e.sha256) {
		return bad("The upload's digest is not a SHA-256.", "Send it as 64 lower-case hex digits.")
	}
	if size == 0 || size > limit {
		// Media refuses these by their size alone and has the words for it.
		_, err := media.Inspect(r.Context(), strings.NewReader(""), size, kind)
		return refusedMedia(err)
	}
	return nil
}

// onUpload answers for an upload that exists: from its record once there is
// one, else through tusd. A complete one that is not recorded is finished
// first: a crash came in between.
func (h *Handler) onUpload(w http.ResponseWriter, r *http.Request, c *call) error {
	e, open := h.s.entry(c.id)
	if !open {
		return h.onRecorded(w, r, c)
	}
	if e.owner != c.asker.owner || e.kind != c.asker.kind {
		return errUnknown
	}
	c.asker = e
	if st, err := os.Stat(h.s.data(c.id)); err == nil && st.Size() >= e.size {
		h.patience(c)
		if _, err := h.s.Finish(r.Context(), c.id); err != nil {
			return waited(err)
		}
		return h.onRecorded(w, r, c)
	}
	err := h.pass(w, r, c)
	if _, open := h.s.entry(c.id); errors.Is(err, errUnknown) && !open && r.Method != http.MethodDelete {
		return h.onRecorded(w, r, c) // finished while we waited for its lock
	}
	return err
}

func (h *Handler) onRecorded(w http.ResponseWriter, r *http.Request, c *call) error {
	row, ok, err := h.s.recorded(r.Context(), c.id)
	if err != nil {
		return err
	}
	if !ok || row.OwnerID != c.asker.owner {
		return errUnknown
	}
	size := strconv.FormatInt(row.Media.Size, 10)
	w.Header().Set("Upload-Offset", size)
	switch r.Method {
	case http.MethodHead:
		w.Header().Set("Upload-Length", size)
		w.WriteHeader(http.StatusOK)
		return nil
	case http.MethodPatch:
		if r.Header.Get("Upload-Offset") != size {
			e := *errOffset
			e.State = size
			return &e
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return errFinished
}

// pass lets tusd answer, and returns what it refuses.
func (h *Handler) pass(w http.ResponseWriter, r *http.Request, c *call) error {
	c.body = &body{ReadCloser: r.Body, c: c}
	defer c.body.end()
	stop := context.AfterFunc(h.s.bodies, func() { c.body.interrupt(errClosing) })
	defer stop()
	path := c.id
	if r.Method == http.MethodPost {
		path = ""
	}
	r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
	r.Body = c.body
	r.URL = &url.URL{Path: path}
	a := &answer{ResponseWriter: w, h: h, c: c, method: r.Method}
	h.tus.ServeHTTP(a, r)
	if a.refused == 0 {
		return nil
	}
	w.Header().Del("Content-Length")
	w.Header().Del("Content-Type")
	if c.err != nil {
		return c.err
	}
	err := a.refusal()
	if errors.Is(err, errOffset) {
		// The refusal names the true offset.
		if st, serr := os.Stat(h.s.data(c.id)); serr == nil {
			e := *errOffset
			e.State = strconv.FormatInt(st.Size(), 10)
			w.Header().Set("Upload-Offset", e.State)
			return &e
		}
	}
	return err
}

// patience lets the answer wait for a finish: tusd set the connection's
// deadlines for a body that is still coming. A connection that cannot set
// them has none.
func (h *Handler) patience(c *call) {
	_ = c.control.SetReadDeadline(time.Time{})
	_ = c.control.SetWriteDeadline(time.Now().Add(finishTime + answerTime))
}

// creating is tusd's hook before an upload is made: our id, our few facts. A
// file's name is nobody's business and is not kept.
func (h *Handler) creating(hook handler.HookEvent) (handler.HTTPResponse, handler.FileInfoChanges, error) {
	c := callOf(hook.Context)
	c.created = true
	return handler.HTTPResponse{}, handler.FileInfoChanges{ID: c.id, MetaData: c.asker.meta()}, nil
}

// finishing is tusd's hook before the last byte is acknowledged.
func (h *Handler) finishing(hook handler.HookEvent) (handler.HTTPResponse, error) {
	h.patience(callOf(hook.Context))
	if _, err := h.s.Finish(hook.Context, hook.Upload.ID); err != nil {
		return handler.HTTPResponse{}, fail(hook.Context, waited(err))
	}
	return handler.HTTPResponse{}, nil
}
