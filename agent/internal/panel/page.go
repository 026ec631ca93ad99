package panel

import (
	"bytes"
	"crypto/subtle"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"illumi/agent/internal/flow"
)

//go:embed page/index.html page/box.css page/box.js page/mic.js page/icon.svg
var pageFiles embed.FS

const (
	maxPiece = 1 << 20  // of sound, in bytes: over five seconds at 96 kHz
	maxPhoto = 25 << 20 // design 4.4
	// calm is the least time between two views sent to a page.
	calm = 80 * time.Millisecond
	// alive is how often a quiet stream says that it is there.
	alive = 15 * time.Second
)

// policy allows the page itself and nothing else.
const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; " +
	"media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (b *Browser) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{token}/{$}", b.page("index.html", "text/html; charset=utf-8"))
	mux.HandleFunc("GET /{token}/box.css", b.page("box.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /{token}/box.js", b.page("box.js", "text/javascript; charset=utf-8"))
	mux.HandleFunc("GET /{token}/mic.js", b.page("mic.js", "text/javascript; charset=utf-8"))
	mux.HandleFunc("GET /{token}/icon.svg", b.page("icon.svg", "image/svg+xml"))
	mux.HandleFunc("GET /{token}/lamps.css", b.lampStyle)
	mux.HandleFunc("GET /{token}/events", b.events)
	mux.HandleFunc("GET /{token}/offer/{id}", b.offer)
	mux.HandleFunc("POST /{token}/press", b.press)
	mux.HandleFunc("POST /{token}/choose", b.choose)
	mux.HandleFunc("POST /{token}/sound", b.sound)
	mux.HandleFunc("POST /{token}/photo", b.photo)
	return b.guard(mux)
}

// guard lets in only this machine's own page: other names for it (DNS
// rebinding), other sites (CSRF) and guessed addresses stay outside.
func (b *Browser) guard(next http.Handler) http.Handler {
	_, port, err := net.SplitHostPort(b.host)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "microphone=(self), camera=(self)")
		h.Set("Cache-Control", "no-store")
		if err != nil || (r.Host != b.host && r.Host != "localhost:"+port) {
			refuse(w, http.StatusMisdirectedRequest, "This address is not the box's. Open the one that it printed.")
			return
		}
		if !ownPage(r) {
			refuse(w, http.StatusForbidden, "Only the box's own page may do that.")
			return
		}
		token, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if subtle.ConstantTimeCompare([]byte(token), []byte(b.token)) != 1 {
			refuse(w, http.StatusNotFound, "There is no box here. Open the whole address that it printed.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownPage says whether a request comes from the page, or from a person who
// typed or followed its address.
func ownPage(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return site == "" || site == "same-origin" || site == "none" ||
			r.Header.Get("Sec-Fetch-Dest") == "document"
	}
	// Every browser of today sends one of them with a POST.
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return false
	}
	return site == "same-origin" || site == "" && r.Header.Get("Origin") != ""
}

// write answers with a body. Where that fails, the page is gone, which harms
// nobody.
func write(w io.Writer, s string) { _, _ = io.WriteString(w, s) }

// refuse answers in words.
func refuse(w http.ResponseWriter, status int, sentence string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	write(w, sentence+"\n")
}

func (b *Browser) page(name, kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		body, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			refuse(w, http.StatusNotFound, "This part of the page is missing.")
			return
		}
		w.Header().Set("Content-Type", kind)
		write(w, string(body))
	}
}

// shown is the page's whole state; each message carries all of it, so that a
// page that missed some is right again with the next.
type shown struct {
	Name      string       `json:"name"`
	Buttons   int          `json:"buttons"`
	Light     flow.Pattern `json:"light"`
	Dim       bool         `json:"dim"`
	Lit       [3]bool      `json:"lit"`
	Glow      float64      `json:"glow"` // for the pattern that follows the voice
	Recording bool         `json:"recording"`
	Ask       string       `json:"ask"`
	State     string       `json:"state"`
	Prompt    string       `json:"prompt"`
	Words     string       `json:"words"`
	Picture   string       `json:"picture"` // an offer's id
	Sounds    []offered    `json:"sounds"`
	Night     string       `json:"night"` // why the light is hard to see
	Online    bool         `json:"online"`
	Link      string       `json:"link"`
	Waiting   int          `json:"waiting"`
	Own       bool         `json:"own"` // begin with the person's own voice and camera
}

func (b *Browser) snapshot() shown {
	b.mu.Lock()
	defer b.mu.Unlock()
	dim := ""
	if b.lamps.Dim {
		dim = night
	}
	return shown{
		Name: b.opts.Name, Buttons: b.opts.Buttons, Light: b.lamps.Main, Dim: b.lamps.Dim, Lit: b.lamps.Lit,
		Glow: opacity(Level(flow.LightVoice, b.lamps.Dim, 0, b.voice)), Recording: b.red, Ask: b.ask, State: Words(b.view.State),
		Prompt: b.view.Prompt, Words: b.view.Words, Picture: b.picture.ID, Sounds: append([]offered{}, b.sounds...),
		Night: dim, Online: b.view.Online, Link: Connection(b.view), Waiting: b.view.Waiting, Own: b.opts.Own,
	}
}

// events streams what the box looks like, as often as it changes.
func (b *Browser) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	changed := b.join()
	defer b.leave(changed)
	quiet := time.NewTicker(alive)
	defer quiet.Stop()
	for {
		message := ": still here\n\n"
		select {
		case <-r.Context().Done():
			return
		case <-quiet.C:
		case <-changed:
			view, err := json.Marshal(b.snapshot())
			if err != nil {
				return // numbers and strings always become JSON
			}
			message = "data: " + string(view) + "\n\n"
		}
		// A page that does not read for ten seconds is gone.
		if out.SetWriteDeadline(time.Now().Add(10*time.Second)) != nil {
			return
		}
		if _, err := io.WriteString(w, message); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-time.After(calm):
		case <-r.Context().Done():
			return
		}
	}
}

func (b *Browser) offer(w http.ResponseWriter, r *http.Request) {
	f, kind, err := b.openOffer(r.PathValue("id"))
	if err != nil {
		refuse(w, http.StatusNotFound, "The box no longer plays or shows this.")
		return
	}
	defer f.Close() // it was only read
	w.Header().Set("Content-Type", kind)
	http.ServeContent(w, r, "", time.Time{}, f)
}

func (b *Browser) press(w http.ResponseWriter, r *http.Request) {
	var p struct {
		Button int  `json:"button"`
		Down   bool `json:"down"`
	}
	if !body(w, r, &p) {
		return
	}
	if p.Button < 1 || p.Button > b.opts.Buttons {
		refuse(w, http.StatusBadRequest, fmt.Sprintf("This box has no button %d.", p.Button))
		return
	}
	b.push(flow.Button(p.Button), p.Down)
	w.WriteHeader(http.StatusNoContent)
}

func (b *Browser) choose(w http.ResponseWriter, r *http.Request) {
	var c struct {
		Sound   bool `json:"sound"`
		Picture bool `json:"picture"`
	}
	if !body(w, r, &c) {
		return
	}
	if b.opts.Choose != nil {
		b.opts.Choose(c.Sound, c.Picture)
	}
	w.WriteHeader(http.StatusNoContent)
}

// body reads a small JSON object, or answers that it is none.
func body(w http.ResponseWriter, r *http.Request, to any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		refuse(w, http.StatusBadRequest, "The page sent something that the box does not understand. Load the page again.")
		return false
	}
	return true
}

func (b *Browser) sound(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	rate, err := strconv.Atoi(q.Get("rate"))
	if err != nil || b.opts.Sound == nil {
		refuse(w, http.StatusBadRequest, "The page sent sound in a form that the box does not know. Load the page again.")
		return
	}
	pcm, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPiece))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "The page sent too much sound at once. Load the page again.")
		return
	}
	taken(w, b.opts.Sound(r.Context(), rate, pcm, q.Get("last") == "1"))
}

func (b *Browser) photo(w http.ResponseWriter, r *http.Request) {
	if b.opts.Picture == nil {
		refuse(w, http.StatusBadRequest, "This box takes no photos.")
		return
	}
	picture, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPhoto))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "The picture is larger than 25 MB. Choose a smaller one.")
		return
	}
	taken(w, b.opts.Picture(bytes.NewReader(picture)))
}

// taken answers what became of something sent.
func taken(w http.ResponseWriter, err error) {
	if err != nil {
		refuse(w, http.StatusConflict, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// lampStyle is the table of patterns as CSS, made from the same function that
// drives a lamp.
func (b *Browser) lampStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	write(w, lampCSS())
}

// opacity turns brightness, which is linear, into what a screen shows for it.
func opacity(level float64) float64 { return math.Round(1000*math.Pow(level, 1/2.2)) / 1000 }

func lampCSS() string {
	var s strings.Builder
	for _, dim := range []bool{false, true} {
		for _, p := range []flow.Pattern{flow.LightOff, flow.LightHalf, flow.LightFull, flow.LightBreathe,
			flow.LightBreatheS, flow.LightBusy, flow.LightDone, flow.LightHelp, flow.LightSaved} {
			name := "light-" + string(p)
			if dim {
				name += "-dim"
			}
			length, repeat := Cycle(p), "infinite"
			if p == flow.LightDone {
				length, repeat = 3*time.Second, "forwards"
			}
			if length == 0 {
				fmt.Fprintf(&s, ".%s .glow{opacity:%g}\n", name, opacity(Level(p, dim, 0, 0)))
				continue
			}
			fmt.Fprintf(&s, ".%s .glow{animation:%s %gs linear %s}\n@keyframes %s{", name, name, length.Seconds(), repeat, name)
			last := -1.0
			const steps = 300
			for i := range steps + 1 {
				// Just before the end: at the end the next cycle has begun.
				at := min(length*time.Duration(i)/steps, length-time.Nanosecond)
				l := opacity(Level(p, dim, at, 0))
				percent := 100 * float64(i) / steps
				if jump := math.Abs(l-last) > 0.1; jump && i > 0 {
					fmt.Fprintf(&s, "%.3f%%{opacity:%g}", percent-0.01, last)
				} else if !jump && i%15 != 0 {
					last = l
					continue
				}
				fmt.Fprintf(&s, "%.3f%%{opacity:%g}", percent, l)
				last = l
			}
			s.WriteString("}\n")
		}
	}
	return s.String()
}

// bytesFile is a file in memory.
type bytesFile struct{ *bytes.Reader }

func newBytesFile(b []byte) io.ReadSeekCloser { return bytesFile{bytes.NewReader(b)} }
func (bytesFile) Close() error                { return nil }
