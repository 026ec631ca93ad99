package panel

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"illumi/agent/internal/flow"
)

type rig struct {
	*Browser
	t *testing.T

	mu      sync.Mutex
	chosen  chan [2]bool
	sound   []byte
	rate    int
	last    bool
	picture []byte
	err     error
}

func serve(t *testing.T) *rig {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, chosen: make(chan [2]bool, 16)}
	r.Browser, err = NewBrowser(l, PageOptions{Name: "Renée <b>", Buttons: 1,
		Choose: func(s, p bool) { r.chosen <- [2]bool{s, p} },
		Sound: func(_ context.Context, rate int, pcm []byte, last bool) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.sound, r.rate, r.last = append(r.sound, pcm...), rate, last
			return r.err
		},
		Picture: func(in io.Reader) error {
			b, err := io.ReadAll(in)
			r.mu.Lock()
			defer r.mu.Unlock()
			r.picture = b
			return errors.Join(err, r.err)
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// do asks as the page does; change makes it something else.
func (r *rig) do(method, path, body string, change ...func(*http.Request)) (int, http.Header, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.URL()+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if method == http.MethodPost {
		req.Header.Set("Origin", "http://"+r.host)
	}
	for _, c := range change {
		c(req)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(b)
}

// stream opens the page's events and gives the next view on each call.
func (r *rig) stream() (view func() shown, leave func()) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL()+"events", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	lines := bufio.NewScanner(res.Body)
	return func() (v shown) {
			r.t.Helper()
			for lines.Scan() {
				if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
					if err := json.Unmarshal([]byte(data), &v); err != nil {
						r.t.Fatal(err)
					}
					return v
				}
			}
			r.t.Fatal("the stream ended: ", lines.Err())
			return v
		}, func() {
			cancel()
			res.Body.Close()
		}
}

func TestBrowser_LoopbackOnly(t *testing.T) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // nobody ever connected
	if _, err := NewBrowser(l, PageOptions{Buttons: 1}); err == nil {
		t.Error("the page is open to the network")
	}
}

func TestBrowser_PageIsSelfContained(t *testing.T) {
	r := serve(t)
	for path, kind := range map[string]string{"": "text/html", "box.css": "text/css", "lamps.css": "text/css",
		"box.js": "text/javascript", "mic.js": "text/javascript", "icon.svg": "image/svg+xml"} {
		code, h, body := r.do("GET", path, "")
		if code != 200 || !strings.HasPrefix(h.Get("Content-Type"), kind) || len(body) < 100 {
			t.Errorf("%q: %d %s, %d bytes", path, code, h.Get("Content-Type"), len(body))
		}
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%q: policy %q", path, csp)
		}
		for _, foreign := range []string{"https://", "//cdn", "style=\"", "onclick=", "<style", "<script>"} {
			if strings.Contains(body, foreign) {
				t.Errorf("%q holds %s", path, foreign)
			}
		}
	}
}

func TestBrowser_KeepsOthersOut(t *testing.T) {
	r := serve(t)
	press := `{"button":1,"down":true}`
	header := func(k, v string) func(*http.Request) {
		return func(q *http.Request) {
			q.Header.Del(k)
			if v != "" {
				q.Header.Set(k, v)
			}
		}
	}
	host := func(h string) func(*http.Request) { return func(q *http.Request) { q.Host = h } }
	_, port, _ := net.SplitHostPort(r.host) // r.host was made from an address
	for _, c := range []struct {
		name, method, path string
		change             []func(*http.Request)
		want               int
	}{
		{"the page itself", "POST", "press", nil, 204},
		{"localhost", "GET", "", []func(*http.Request){host("localhost:" + port)}, 200},
		{"typed address", "GET", "", []func(*http.Request){header("Sec-Fetch-Site", "none")}, 200},
		{"followed link", "GET", "", []func(*http.Request){header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Dest", "document")}, 200},
		{"rebound name", "GET", "", []func(*http.Request){host("evil.example:" + port)}, 421},
		{"rebound name posts", "POST", "press", []func(*http.Request){host("evil.example:" + port), header("Origin", "http://evil.example:"+port)}, 421},
		{"other site posts", "POST", "press", []func(*http.Request){header("Sec-Fetch-Site", "cross-site"), header("Origin", "https://evil.example")}, 403},
		{"other port posts", "POST", "press", []func(*http.Request){header("Sec-Fetch-Site", "same-site"), header("Origin", "http://127.0.0.1:1")}, 403},
		{"old browser, other site", "POST", "press", []func(*http.Request){header("Sec-Fetch-Site", ""), header("Origin", "https://evil.example")}, 403},
		{"old browser, own page", "POST", "press", []func(*http.Request){header("Sec-Fetch-Site", "")}, 204},
		{"no word of where from", "POST", "press", []func(*http.Request){header("Sec-Fetch-Site", ""), header("Origin", "")}, 403},
		{"sandboxed page", "POST", "press", []func(*http.Request){header("Origin", "null")}, 403},
		{"other site embeds", "GET", "box.js", []func(*http.Request){header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Dest", "script")}, 403},
		{"guessed token", "GET", "", []func(*http.Request){func(q *http.Request) { q.URL.Path = "/" + strings.Repeat("A", len(r.token)) + "/" }}, 404},
		{"no token", "GET", "", []func(*http.Request){func(q *http.Request) { q.URL.Path = "/" }}, 404},
		{"a press by GET", "GET", "press", nil, 405},
		{"a file of the machine", "GET", "offer/%2e%2e%2f%2e%2e%2fetc%2fpasswd", nil, 404},
	} {
		body := ""
		if c.method == "POST" {
			body = press
		}
		if code, _, text := r.do(c.method, c.path, body, c.change...); code != c.want {
			t.Errorf("%s: %d, want %d (%s)", c.name, code, c.want, text)
		}
	}
	if in := next(t, r.Inputs()); in.Button != flow.Main || !in.Down {
		t.Errorf("%+v", in)
	}
	select {
	case in := <-r.Inputs():
		t.Errorf("pressed once, but also %+v", in)
	default:
	}
}

func TestBrowser_ShowsWhatTheBoxIs(t *testing.T) {
	r := serve(t)
	path := filepath.Join(t.TempDir(), "picture of me.png")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(png.Encode(f, image.NewGray(image.Rect(0, 0, 9, 9))), f.Close()); err != nil {
		t.Fatal(err)
	}
	r.Show(flow.Lamps{Main: flow.LightVoice, Lit: [3]bool{true}}, 1)
	r.Recording(true)
	r.Ask("listen")
	r.Update(View{State: "RECORDING", Prompt: "Speak after the tone.", Picture: path, Words: "A dog", Online: true, Waiting: 2})
	withdraw := r.Offer("prompt new", []byte("RIFF of a sort"))
	view, leave := r.stream()
	defer leave()
	v := view()
	if v.Name != "Renée <b>" || v.Light != flow.LightVoice || v.Glow != 1 || !v.Lit[0] || !v.Recording || v.Ask != "listen" ||
		v.State != "Recording. Press the button when you have finished." || v.Link != "connected, sending" || v.Prompt == "" || v.Words != "A dog" || !v.Online || v.Waiting != 2 || len(v.Sounds) != 1 {
		t.Errorf("%+v", v)
	}
	if code, h, body := r.do("GET", "offer/"+v.Sounds[0].ID, ""); code != 200 || h.Get("Content-Type") != "audio/wav" || body != "RIFF of a sort" {
		t.Errorf("sound: %d %s %q", code, h.Get("Content-Type"), body)
	}
	if code, h, _ := r.do("GET", "offer/"+v.Picture, ""); code != 200 || h.Get("Content-Type") != "image/png" {
		t.Errorf("picture: %d %s", code, h.Get("Content-Type"))
	}
	sound, picture := v.Sounds[0].ID, v.Picture
	late := r.Offer("prompt late", []byte("RIFF of a page that is just asking"))
	for len(v.Sounds) != 2 {
		v = view()
	}
	late()
	if code, _, _ := r.do("GET", "offer/"+v.Sounds[1].ID, ""); code != 200 {
		t.Errorf("a sound that has just ended: %d", code)
	}
	r.change(func() { r.linger = 0 })
	withdraw()
	r.Update(View{State: "idle", Picture: tempFile(t, "page.html", "<html><script>alert(1)</script>")})
	for v.State != "idle" || len(v.Sounds) != 0 {
		v = view()
	}
	for name, id := range map[string]string{"withdrawn sound": sound, "old picture": picture, "page for a picture": v.Picture} {
		if code, _, _ := r.do("GET", "offer/"+id, ""); code != 404 {
			t.Errorf("%s: %d", name, code)
		}
	}
}

func tempFile(t *testing.T, name, s string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBrowser_ButtonIsLetGoWithTheLastPage(t *testing.T) {
	r := serve(t)
	view, leave := r.stream()
	view()
	for range 3 { // a page may repeat itself
		if code, _, text := r.do("POST", "press", `{"button":1,"down":true}`); code != 204 {
			t.Fatalf("%d %s", code, text)
		}
	}
	if in := next(t, r.Inputs()); !in.Down {
		t.Errorf("%+v", in)
	}
	if code, _, _ := r.do("POST", "choose", `{"sound":true,"picture":true}`); code != 204 {
		t.Errorf("%d", code)
	}
	<-r.chosen
	leave()
	if c := <-r.chosen; c[0] || c[1] {
		t.Errorf("answers still come from a page that is gone: %v", c)
	}
	if in := next(t, r.Inputs()); in.Down || in.Button != flow.Main {
		t.Errorf("%+v", in)
	}
	for _, bad := range []string{"", "{", `{"button":2,"down":true}`, `{"button":0}`, `{"button":1,"down":true,"more":1}`, `"` + strings.Repeat("x", 5000)} {
		if code, _, text := r.do("POST", "press", bad); code != 400 || len(text) < 20 {
			t.Errorf("%.30q: %d %s", bad, code, text)
		}
	}
}

func TestBrowser_TakesAnswers(t *testing.T) {
	r := serve(t)
	if code, _, _ := r.do("POST", "choose", `{"sound":true,"picture":false}`); code != 204 {
		t.Errorf("%d", code)
	}
	if c := <-r.chosen; !c[0] || c[1] {
		t.Errorf("%v", c)
	}
	if code, _, _ := r.do("POST", "sound?rate=48000", "abcd"); code != 204 || r.last || r.rate != 48000 {
		t.Errorf("%d", code)
	}
	if code, _, _ := r.do("POST", "sound?rate=48000&last=1", "ef"); code != 204 || !r.last || string(r.sound) != "abcdef" {
		t.Errorf("%d %q", code, r.sound)
	}
	if code, _, _ := r.do("POST", "photo", "a picture"); code != 204 || string(r.picture) != "a picture" {
		t.Errorf("%d %q", code, r.picture)
	}
	if code, _, _ := r.do("POST", "sound?rate=48000", strings.Repeat("x", maxPiece+1)); code != 413 {
		t.Errorf("endless sound: %d", code)
	}
	if code, _, _ := r.do("POST", "sound?rate=x", "ab"); code != 400 {
		t.Errorf("no rate: %d", code)
	}
	r.err = errors.New("the box is not listening now")
	if code, _, text := r.do("POST", "photo", "x"); code != 409 || !strings.Contains(text, "not listening") {
		t.Errorf("%d %s", code, text)
	}
}

func TestBrowser_CloseEndsStreams(t *testing.T) {
	r := serve(t)
	view, leave := r.stream()
	defer leave()
	view()
	began := time.Now()
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d > patience {
		t.Errorf("closed after %v", d)
	}
	if _, ok := <-r.Inputs(); ok {
		t.Error("inputs go on after Close")
	}
	r.Show(flow.Lamps{}, 0) // harmless
}

func TestLampCSS_FollowsLevel(t *testing.T) {
	css := lampCSS()
	for _, want := range []string{
		".light-off .glow{opacity:0}", ".light-full .glow{opacity:1}",
		".light-breathe .glow{animation:light-breathe 4s linear infinite}",
		".light-busy .glow{animation:light-busy 2s linear infinite}\n@keyframes light-busy{0.000%{opacity:1}",
		"49.990%{opacity:1}50.000%{opacity:0}",
		".light-done .glow{animation:light-done 3s linear forwards}",
		".light-full-dim .glow{opacity:0.203}", // 3 % of the light, as a screen shows it
	} {
		if !strings.Contains(css, want) {
			t.Errorf("missing %s", want)
		}
	}
}
