package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"illumi/agent/internal/wifi/wifitest"
	"illumi/protocol"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"illumi-agent": func() {
			// A machine of the script's own.
			p := &program{stdio: Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, env: os.Environ(), root: os.Getenv("MACHINE"), service: startService, stopper: stopService}
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			code := p.run(ctx, os.Args[1:])
			stop()
			os.Exit(code)
		},
		"arecord": fakeArecord, "aplay": fakeAplay, "rpicam-still": fakeCamera, "amixer": fakeAmixer, "alsactl": func() {},
	})
}

// TestScripts pins what people type and read. Each script has a server of its
// own at $SERVER, which answers as its codes say, and a machine at $MACHINE.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			s := newEnrolServer(t)
			e.Defer(s.Close)
			tls := httptest.NewTLSServer(http.NotFoundHandler())
			e.Defer(tls.Close)
			done, err := setSecured(t, e.Setenv, e.WorkDir, s.Config.Handler)
			e.Defer(done)
			if err != nil {
				return err
			}
			hotel := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, "<h1>Welcome to our hotel</h1>") // the box will notice
			}))
			e.Defer(hotel.Close)
			e.Setenv("SERVER", s.URL)
			e.Setenv("LISTENING", s.Listener.Addr().String())
			e.Setenv("TLSSERVER", tls.URL)
			e.Setenv("NOTTLS", strings.Replace(s.URL, "http://", "https://", 1))
			e.Setenv("HOTEL", hotel.URL)
			e.Setenv("MACHINE", e.WorkDir+"/machine")
			manager := &wifitest.Fake{Radio: true, Password: "thornfield", Active: wifitest.Before, Profiles: []dbus.ObjectPath{wifitest.Before}}
			manager.Listen(t, e.WorkDir+"/bus")
			e.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+e.WorkDir+"/bus")
			e.Values[managerKey{}] = manager
			return os.MkdirAll(e.WorkDir+"/machine/etc", 0o755)
		},
		Cmds: commands(),
	})
}

// commands are what a script has besides the usual ones.
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	all := map[string]func(*testscript.TestScript, bool, []string){
		// substitute FROM TO: a file of the script with its variables filled in.
		"substitute": func(ts *testscript.TestScript, _ bool, args []string) {
			text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
			ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
		},
		// wifi kept NAME, wifi in use PROFILE: what the fake NetworkManager has.
		"wifi": func(ts *testscript.TestScript, neg bool, args []string) {
			now := ts.Value(managerKey{}).(*wifitest.Fake).Now()
			has := slices.Contains(now.Kept, args[len(args)-1])
			if args[0] == "in" {
				has = string(now.Active) == args[len(args)-1]
			}
			if has == neg {
				ts.Fatalf("NetworkManager keeps %v, and %s is in use", now.Kept, now.Active)
			}
		},
		"mode": func(ts *testscript.TestScript, neg bool, args []string) {
			fi, err := os.Stat(ts.MkAbs(args[1]))
			ts.Check(err)
			if got := fi.Mode().Perm().String(); (got == args[0]) == neg {
				ts.Fatalf("mode of %s is %s", args[1], got)
			}
		},
	}
	maps.Copy(all, machineCommands)
	return all
}

// managerKey finds a script's NetworkManager.
type managerKey struct{}

// enrolServer refuses or accepts by the code. The code's first five characters
// name what is to happen.
type enrolServer struct {
	*httptest.Server
	mu      sync.Mutex
	devices map[string]string // secret: board
	lost    bool              // one answer was lost
}

// The codes of these scripts: what a server may answer to an enrolment.
var codes = map[string]struct {
	status int
	code   protocol.Code
	detail string
}{
	"22222AAAAA": {404, protocol.CodeCodeUnknown, "This code is not known here."},
	"33333AAAAA": {409, protocol.CodeCodeUsed, "This code was used already."},
	"44444AAAAA": {410, protocol.CodeCodeExpired, "This code has expired."},
	"55555AAAAA": {410, protocol.CodeCodeRevoked, "This code was revoked."},
	"66666AAAAA": {409, protocol.CodeNameTaken, "Another box has this name."},
	"77777AAAAA": {429, protocol.CodeThrottled, "Too many attempts."},
	"88888AAAAA": {400, protocol.CodeVersion, "This box is newer than the server."},
	"99999AAAAA": {503, protocol.CodeUnavailable, "The server is just starting."},
}

const device = "01930d5e-7c1a-7000-8000-00000000d001"

func newEnrolServer(t *testing.T) *enrolServer {
	s := &enrolServer{devices: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+protocol.PathEnroll, s.enroll)
	mux.HandleFunc("GET "+protocol.PathSpeed, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, protocol.SpeedBytes()) // the box will notice
	})
	mux.HandleFunc("POST "+protocol.PathSpeed, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body) // the box will notice
		answer(w, protocol.SpeedReceipt{Received: n})
	})
	mux.HandleFunc("GET "+protocol.PathOffers, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		board, known := s.devices[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		s.mu.Unlock()
		if !known || board != r.Header.Get(protocol.HeaderBoard) {
			refuse(w, 401, protocol.CodeDeviceUnknown, "This box is not known here.")
			return
		}
		answer(w, protocol.OffersPage{Offers: []protocol.Offer{}, Cursor: "0"})
	})
	s.Server = httptest.NewServer(mux)
	return s
}

func (s *enrolServer) enroll(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var q protocol.EnrollRequest
	data, err := io.ReadAll(r.Body)
	if err == nil {
		err = protocol.Decode(data, &q)
	}
	if err == nil {
		err = q.Check()
	}
	if err != nil {
		refuse(w, 400, protocol.CodeInvalid, err.Error())
		return
	}
	if c, ok := codes[q.Code]; ok {
		refuse(w, c.status, c.code, c.detail)
		return
	}
	switch {
	case q.Code == "RSTAAAAAAA" && !s.lost:
		s.lost = true
		s.devices[q.Secret] = q.BoardSerial
		panic(http.ErrAbortHandler) // stored, and the answer never comes
	case q.Code == "RSTAAAAAAA" && s.devices[q.Secret] == "":
		refuse(w, 409, protocol.CodeCodeUsed, "This code was used already.") // by another secret
		return
	case q.Code == "NWAYAAAAAA":
	default:
		s.devices[q.Secret] = q.BoardSerial
	}
	name := q.Name
	if name == "" {
		name = "janeeyre"
	}
	at := time.Now()
	if q.Code == "HRAGAAAAAA" {
		at = at.Add(-time.Hour)
	}
	answer(w, protocol.EnrollResponse{Device: device, Name: name, Server: "Leeds", ServerID: "server-1", ServerTime: at})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the box will notice
}

func refuse(w http.ResponseWriter, status int, code protocol.Code, detail string) {
	w.Header().Set("Content-Type", protocol.ProblemType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(protocol.Problem{Title: "Refused", Status: status, Detail: detail, Code: code}) // as above
}

// Who may not write somewhere is told where, and what to do.
func TestExplain_Permission(t *testing.T) {
	for path, named := range map[string]string{"/var/lib/illumi-agent/enrolling": "/var/lib/illumi-agent", os.Args[0]: os.Args[0]} {
		f := explain(fmt.Errorf("config: %w", &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}))
		if want := "This user may not use " + named + ". Put sudo in front of the command, or name a folder of your own with --state DIR."; f.Error() != want || f.code != exitFailed {
			t.Errorf("%s: %d %s", path, f.code, f)
		}
	}
}

func TestQuoted(t *testing.T) {
	for name, want := range map[string]string{"./box": "./box", "my box": "'my box'", "it's": `'it'\''s'`, "": "''", "$HOME": "'$HOME'"} {
		if got := quoted(name); got != want {
			t.Errorf("%q is %s", name, got)
		}
	}
}

func TestRealBoard(t *testing.T) {
	dir := t.TempDir()
	p := &program{root: dir}
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(dir+"/"+name[:strings.LastIndex(name, "/")], 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if b := p.realBoard(); b != (board{}) {
		t.Errorf("of nothing came %+v", b)
	}
	write("etc/machine-id", "0123456789abcdef0123456789abcdef\n")
	b := p.realBoard()
	sum := sha256.Sum256([]byte("illumi board 0123456789abcdef0123456789abcdef"))
	if b.serial != "machine-"+hex.EncodeToString(sum[:8]) || strings.Contains(b.serial, "0123456789") {
		t.Errorf("serial %q", b.serial)
	}
	write("proc/device-tree/model", "Raspberry Pi Zero W Rev 1.1\x00")
	write("proc/device-tree/serial-number", "00000000dead\u00e9beef\x00")
	if b := p.realBoard(); b.model != "Raspberry Pi Zero W Rev 1.1" || b.serial != "00000000deadbeef" {
		t.Errorf("%+v", b)
	}
}

func TestSimulatedBoard_StaysItself(t *testing.T) {
	p := &program{}
	for _, name := range []string{"janeeyre", "", "Mrs Ey\u0155e", "a\r\nX-Evil: 1"} {
		dir := t.TempDir()
		one, err := p.simulatedBoard(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		two, err := p.simulatedBoard(dir, "another name")
		if err != nil || one != two || !strings.HasPrefix(one.serial, "simulated-") || strings.ContainsAny(one.serial, "\r\n") {
			t.Errorf("%q: %+v, then %+v, %v", name, one, two, err)
		}
	}
}
