package world

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"illumi/protocol"
)

// Box speaks the wire of a box, a step at a time, for tests of single requests.
// It is no agent: it keeps nothing and repeats nothing by itself.
type Box struct {
	Name   string
	ID     string
	Secret string
	Board  string
	base   string
	http   *http.Client
	socket *websocket.Conn
}

// NewBox makes a box with a secret of its own, not yet enrolled. base is the
// server's address, or that of a proxy before it.
func NewBox(name, base string) *Box {
	secret := make([]byte, protocol.SecretBytes)
	_, _ = rand.Read(secret) // never fails
	return &Box{
		Name: name, Secret: hex.EncodeToString(secret), Board: "board-" + rand.Text(),
		base: base, http: &http.Client{Timeout: time.Minute},
	}
}

// EnrolBox makes a code for a box and enrols it.
func (w *World) EnrolBox(ctx context.Context, name string) (*Box, error) {
	code, err := w.Code(ctx, name)
	if err != nil {
		return nil, err
	}
	b := NewBox(name, w.URL())
	return b, b.Enrol(ctx, code)
}

// Enrol asks to become a device.
func (b *Box) Enrol(ctx context.Context, code string) error {
	var answer protocol.EnrollResponse
	err := b.call(ctx, http.MethodPost, protocol.PathEnroll, protocol.EnrollRequest{
		Code: code, Name: b.Name, Secret: b.Secret, BoardModel: "test", BoardSerial: b.Board,
		Agent: "test", Version: protocol.Version, Capabilities: capabilities,
	}, &answer)
	b.ID = answer.Device
	return err
}

var capabilities = protocol.Capabilities{
	Buttons: 1, Microphone: true, Speaker: true, Camera: true, Screen: true, Simulated: true, Audio: "audio/wav",
}

// Offers asks what changed since a cursor.
func (b *Box) Offers(ctx context.Context, since string) (protocol.OffersPage, error) {
	var page protocol.OffersPage
	err := b.call(ctx, http.MethodGet, protocol.PathOffers+"?since="+url.QueryEscape(since), nil, &page)
	return page, err
}

// Open waits until the box has an open offer and returns it.
func (b *Box) Open(ctx context.Context) (protocol.Offer, error) {
	for {
		page, err := b.Offers(ctx, "")
		if err != nil {
			return protocol.Offer{}, err
		}
		for _, o := range page.Offers {
			if o.State == protocol.OfferOpen {
				return o, nil
			}
		}
		select {
		case <-ctx.Done():
			return protocol.Offer{}, fmt.Errorf("no turn came for %s: %w", b.Name, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Fetch downloads a file by its digest and checks it.
func (b *Box) Fetch(ctx context.Context, f protocol.File) ([]byte, error) {
	res, err := b.do(ctx, http.MethodGet, protocol.PathMedia+f.SHA256, nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("fetch a file: %w", err)
	}
	sum := newDigest()
	sum.Write(data)
	if got := digestText(sum); got != f.SHA256 || int64(len(data)) != f.Size {
		return nil, fmt.Errorf("the file is %d bytes with SHA-256 %s, not %d and %s", len(data), got, f.Size, f.SHA256)
	}
	return data, nil
}

// Upload sends a file and describes it as a part of a reply.
func (b *Box) Upload(ctx context.Context, up Upload) (protocol.File, error) {
	sum, size, err := Digest(up.Path)
	if err != nil {
		return protocol.File{}, err
	}
	head := map[string]string{"Authorization": "Bearer " + b.Secret, protocol.HeaderBoard: b.Board}
	address, err := uploader{http: b.http, base: b.base + protocol.PathUploads, head: head}.send(ctx, up)
	if err != nil {
		return protocol.File{}, err
	}
	kind := "audio/wav"
	if up.Role == protocol.RoleImage {
		kind = "image/png"
	}
	return protocol.File{
		Role: up.Role, SHA256: sum, Size: size, Type: kind, Encoding: protocol.EncodingPlain,
		Upload: address[strings.LastIndexByte(address, '/')+1:],
	}, nil
}

// NewReply describes an answer to an offer.
func NewReply(o protocol.Offer, files ...protocol.File) protocol.Reply {
	now := time.Now().UTC()
	return protocol.Reply{
		ID: uuid.Must(uuid.NewV7()).String(), Epoch: o.Epoch, Take: 1, Files: files,
		Facts: protocol.Facts{SavedAt: now, BootID: "test", DurationMS: 1000, Takes: 1, Photo: "none", SentBy: "press", Plays: 1, HeardAt: &now},
	}
}

// Reply sends an answer.
func (b *Box) Reply(ctx context.Context, hop string, r protocol.Reply) (protocol.Receipt, error) {
	var receipt protocol.Receipt
	err := b.call(ctx, http.MethodPut, protocol.PathHops+hop+"/reply", r, &receipt)
	return receipt, err
}

// TakeBack takes an answer back.
func (b *Box) TakeBack(ctx context.Context, hop, reply string) (protocol.Receipt, error) {
	var receipt protocol.Receipt
	err := b.call(ctx, http.MethodDelete, protocol.PathHops+hop+"/reply/"+reply, nil, &receipt)
	return receipt, err
}

// Answer does a whole turn: says that the whisper came and was heard, and
// replies with a recording.
func (b *Box) Answer(ctx context.Context, o protocol.Offer, audio string) (protocol.Receipt, error) {
	for _, f := range o.Files {
		if _, err := b.Fetch(ctx, f); err != nil {
			return protocol.Receipt{}, err
		}
	}
	for _, step := range []protocol.MessageType{protocol.TypeDelivered, protocol.TypeHeard} {
		if err := b.Tell(ctx, step, o); err != nil {
			return protocol.Receipt{}, err
		}
	}
	f, err := b.Upload(ctx, Upload{Path: audio, Role: protocol.RoleAudio})
	if err != nil {
		return protocol.Receipt{}, err
	}
	return b.Reply(ctx, o.Hop, NewReply(o, f))
}

// Connect opens the socket and greets.
func (b *Box) Connect(ctx context.Context) (protocol.Welcome, error) {
	var welcome protocol.Welcome
	dialer := websocket.Dialer{Subprotocols: []string{protocol.Subprotocol}, HandshakeTimeout: 10 * time.Second}
	ws, res, err := dialer.DialContext(ctx, "ws"+strings.TrimPrefix(b.base, "http")+protocol.PathSocket, http.Header{
		"Authorization": {"Bearer " + b.Secret}, protocol.HeaderBoard: {b.Board},
	})
	if res != nil {
		defer res.Body.Close() // a refusal's; after an upgrade it is empty
	}
	if err != nil {
		if res != nil {
			return welcome, problem(res)
		}
		return welcome, fmt.Errorf("open the socket: %w", err)
	}
	b.socket = ws
	hello, err := protocol.Encode(protocol.TypeHello, "hello", protocol.Hello{
		Version: protocol.Version, Agent: "test", BootID: "test", Capabilities: capabilities,
	})
	if err == nil {
		err = ws.WriteMessage(websocket.TextMessage, hello)
	}
	if err != nil {
		return welcome, fmt.Errorf("say hello: %w", err)
	}
	m, err := b.await(ctx, func(m protocol.Message) bool { return m.Type == protocol.TypeWelcome })
	if err != nil {
		return welcome, err
	}
	return welcome, protocol.DecodeLoose(m.Body, &welcome)
}

// Tell reports how far the box is with a turn and waits for the acknowledgement.
func (b *Box) Tell(ctx context.Context, step protocol.MessageType, o protocol.Offer) error {
	if b.socket == nil {
		if _, err := b.Connect(ctx); err != nil {
			return err
		}
	}
	id := rand.Text()
	m, err := protocol.Encode(step, id, protocol.Progress{Hop: o.Hop, Epoch: o.Epoch, At: time.Now().UTC()})
	if err != nil {
		return err
	}
	var ack protocol.Ack
	if err = b.socket.WriteMessage(websocket.TextMessage, m); err == nil {
		_, err = b.await(ctx, func(m protocol.Message) bool {
			return m.Type == protocol.TypeAck && protocol.DecodeLoose(m.Body, &ack) == nil && ack.ID == id
		})
	}
	if err != nil { // the server closes a socket that says nothing for long; the next step opens another
		err = errors.Join(fmt.Errorf("tell %s: %w", step, err), b.socket.Close())
		b.socket = nil
	}
	if err == nil && ack.Code != "" {
		err = &Refusal{Code: ack.Code, Sentence: string(ack.Code)}
	}
	return err
}

// await reads messages until one is wanted.
func (b *Box) await(ctx context.Context, want func(protocol.Message) bool) (protocol.Message, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(30 * time.Second)
	}
	if err := b.socket.SetReadDeadline(deadline); err != nil {
		return protocol.Message{}, err
	}
	for {
		_, data, err := b.socket.ReadMessage()
		if err != nil {
			return protocol.Message{}, fmt.Errorf("read the socket: %w", err)
		}
		var m protocol.Message
		if err := protocol.DecodeLoose(data, &m); err != nil {
			return m, err
		}
		if want(m) {
			return m, nil
		}
	}
}

// Close ends the socket, if there is one.
func (b *Box) Close() error {
	if b.socket == nil {
		return nil
	}
	err := b.socket.Close()
	b.socket = nil
	return err
}

func (b *Box) do(ctx context.Context, method, to string, body any) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, b.base+to, reader)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(protocol.HeaderBoard, b.Board)
	if to != protocol.PathEnroll {
		req.Header.Set("Authorization", "Bearer "+b.Secret)
	}
	res, err := b.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the server cannot be reached: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		return nil, problem(res)
	}
	return res, nil
}

func (b *Box) call(ctx context.Context, method, to string, body, answer any) error {
	res, err := b.do(ctx, method, to, body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return protocol.DecodeLoose(data, answer)
}

// SaveTo writes bytes to a file for an upload.
func SaveTo(path string, data []byte) (string, error) {
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return "", errors.Join(errors.New("save a file for an upload"), err)
	}
	return path, nil
}
