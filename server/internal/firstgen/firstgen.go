// Package firstgen speaks the wire of the first generation of boxes, so that
// unchanged clients take part in whispers between new ones:
//
//	socket /echo          the client says who it is, {"username": NAME} or
//	                      {"pi_incoming_username": NAME}; the server pushes
//	                      {"audio_url","image_url","whisper_id","project_id","timestamp"}
//	GET /uploads/HEX.EXT  the files, under names nobody can guess, while the turn lasts
//	POST /uploadWhisper   multipart: audio_file, image_file, whisper_id, username
//
// These clients have no secret. So a box is only what an administrator made it,
// and only from the networks that were named then; to all others none of these
// addresses exists.
package firstgen

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
	"illumi/server/internal/upload"
)

// Paths of the first generation.
const (
	PathSocket = "/echo"
	PathReply  = "/uploadWhisper"
	PathFiles  = "/uploads/"
)

// fenceFor is how long the list of boxes and networks is kept: a removed box is
// out after this at the latest.
const fenceFor = 5 * time.Second

// Presence hears who is online.
type Presence interface {
	Connected(device string, hello protocol.Hello)
	Heard(device string)
	Disconnected(device string)
}

// Service is the wire. Its methods are safe for concurrent use.
type Service struct {
	Relay     *relay.Service
	Uploads   *upload.Service
	Presence  Presence
	Media     func(digest string) (*os.File, error)
	PublicURL string
	Dir       string // for what is received before it is known whose it is
	Now       func() time.Time
	Log       *slog.Logger
	Base      context.Context // ends at shutdown

	mu     sync.Mutex
	conns  map[string]*conn // by device
	boxes  []model.Device
	looked time.Time
	slots  chan struct{}
	once   sync.Once
}

// atOnce bounds the replies that are received at the same time: enough that
// some slow or dead lines do not keep out who has just answered.
const atOnce = 16

// Register adds the routes.
func (s *Service) Register(e *echo.Echo) {
	s.once.Do(func() { s.conns, s.slots = map[string]*conn{}, make(chan struct{}, atOnce) })
	e.GET(PathSocket, s.socket, s.fenced)
	e.POST(PathReply, s.reply, s.fenced)
	e.GET(PathFiles+":name", s.file, s.fenced)
	e.HEAD(PathFiles+":name", s.file, s.fenced)
}

// Look tells a connected box that its offers may have changed.
func (s *Service) Look(device string) {
	s.mu.Lock()
	c := s.conns[device]
	s.mu.Unlock()
	if c != nil {
		c.look()
	}
}

// Close ends a box's connection.
func (s *Service) Close(device string) {
	s.mu.Lock()
	c := s.conns[device]
	s.looked = time.Time{}
	s.mu.Unlock()
	if c != nil {
		c.stop()
	}
}

// list is every box of the first generation, a few seconds old at most.
func (s *Service) list(ctx context.Context) ([]model.Device, error) {
	s.mu.Lock()
	boxes, fresh := s.boxes, s.Now().Sub(s.looked) < fenceFor && !s.looked.IsZero()
	s.mu.Unlock()
	if fresh {
		return boxes, nil
	}
	boxes, err := s.Relay.FirstGenBoxes(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.boxes, s.looked = boxes, s.Now()
	s.mu.Unlock()
	return boxes, nil
}

// Changed forgets what is known of boxes and networks.
func (s *Service) Changed() {
	s.mu.Lock()
	s.looked = time.Time{}
	s.mu.Unlock()
}

const keyBoxes = "first generation boxes"

// fenced lets in who comes from a network of a box; to all others the address
// does not exist, as it does not where there is no such box.
func (s *Service) fenced(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		all, err := s.list(c.Request().Context())
		if err != nil {
			return err
		}
		from, err := netip.ParseAddr(c.RealIP())
		if err != nil {
			return echo.ErrNotFound
		}
		var boxes []model.Device
		for _, d := range all {
			if within(from.Unmap(), d.FirstGen.Networks) {
				boxes = append(boxes, d)
			}
		}
		if len(boxes) == 0 {
			return echo.ErrNotFound
		}
		c.Set(keyBoxes, boxes)
		return next(c)
	}
}

func within(a netip.Addr, networks []string) bool {
	for _, n := range networks {
		if p, err := netip.ParsePrefix(n); err == nil && p.Contains(a) {
			return true
		}
	}
	return false
}

// boxOf finds a box by the name that a client gives, among those that may come
// from its network.
func boxOf(c echo.Context, name string) (model.Device, bool) {
	boxes, _ := c.Get(keyBoxes).([]model.Device)
	for _, d := range boxes {
		if strings.EqualFold(d.Name, strings.TrimSpace(name)) {
			return d, true
		}
	}
	return model.Device{}, false
}

func unknownBox() error {
	return model.Refuse(protocol.CodeDeviceUnknown, "No box of this name may come from this network.", "Ask your administrator which name and network were set.")
}
