package app

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/auth"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
	"illumi/server/internal/store/storetest"
)

// Each address is asked for so often, of all servers in turn, and the median
// counts. One that is beyond the limit is measured again, up to so many times in
// all: another program may have been at work just then.
const (
	scaleRounds = 41
	measured    = 3
)

// scaleLimit is what a page may take, of its time on an empty server.
const scaleLimit = 2

// place is one server of the comparison, and what its addresses are made of.
type place struct {
	*rig
	asker client
	real  *strings.Replacer
}

func newPlace(t *testing.T, kind string, size *storetest.Size) place {
	t.Helper()
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "scale.db") // a plain path, which any SQLite driver reads alike
	if kind == "mysql" {
		dsn = storetest.New(t, kind)
	}
	r := newRig(t, func(c *Config) { c.DB = dsn })
	b := r.enrol("box")
	owner := r.person("owner@example.org", model.RoleAdmin)
	whisper := owner.start("straight", b)
	project := r.projectOf(whisper)
	user := must(r.relay.Whisper(t.Context(), operator, whisper))(t).Whisper.StartedBy
	key, _, err := r.auth.MakeToken(t.Context(), model.Actor{UserID: user, Role: model.RoleAdmin},
		auth.TokenRequest{Name: "scale", Scopes: model.Scopes(), Lifetime: auth.TokenLifetimes()[0]})
	if err != nil {
		t.Fatal(err)
	}
	owner = owner.with("Authorization", "Bearer "+key, "Content-Type", "application/json")
	var hook struct{ ID string }
	owner.json("POST", "/api/v1/projects/"+project+"/hooks", map[string]any{"url": "https://example.org/", "types": []string{model.EventLateFull}}).json(t, 201, &hook)
	can, is := storetest.Told()
	if err := r.relay.SeenMany(t.Context(), map[string]model.Sighting{b.id: {At: time.Now(), Hello: &protocol.Hello{Agent: "1", Capabilities: can}, Status: &is}}); err != nil {
		t.Fatal(err)
	}
	old := storetest.Filled{Project: project, Whisper: whisper, Device: b.id}
	if size != nil {
		began := time.Now()
		old = storetest.Fill(t, dsn, user, *size)
		t.Logf("filled in %v", time.Since(began).Round(time.Second))
	}
	return place{r, owner, strings.NewReplacer(
		"OLD-PROJECT", old.Project, "OLD-WHISPER", old.Whisper, "OLD-BOX", old.Device,
		":whisper", whisper, ":project", project, ":box", b.id, ":hook", hook.ID, ":code", store.NewID(), ":export", store.NewID(),
		":name", "00_audio_original.wav", "{project}", project, "{whisper}", whisper, "{box}", b.id,
	)}
}

// times asks all in turn, so that what else goes on meets all, and returns the
// median of each.
func times(path string, places ...place) []time.Duration {
	took := make([][]time.Duration, len(places))
	for range scaleRounds {
		for i, p := range places {
			began := time.Now()
			p.asker.do("GET", p.real.Replace(path), nil)
			took[i] = append(took[i], time.Since(began))
		}
	}
	var out []time.Duration
	for _, all := range took {
		slices.Sort(all)
		out = append(out, all[len(all)/2])
	}
	return out
}

// pageful is a server that is full of rows for one page of every list and has
// next to nothing older; each of its studies is as large as those of the full one.
var pageful = storetest.Size{Projects: 30, WhispersEach: 10, HopsEach: 5, EventsEach: 100, Devices: 120}

// Every page and list with 1,000 old projects, 10,000 whispers, 2,000 boxes and
// 1,000,000 events answers within twice its time on an empty server: one with a
// whisper and a box, without which most addresses are not there. scripts/bench
// runs it.
func TestScale(t *testing.T) {
	if os.Getenv("ILLUMI_TEST_SCALE") == "" {
		t.Skip("ILLUMI_TEST_SCALE is not set; scripts/bench sets it")
	}
	size := storetest.Size{Projects: 1000, WhispersEach: 10, HopsEach: 5, EventsEach: 100, Devices: 2000}
	for _, kind := range []string{"sqlite", "mysql"} {
		t.Run(kind, func(t *testing.T) {
			empty, page, full := newPlace(t, kind, nil), newPlace(t, kind, &pageful), newPlace(t, kind, &size)
			var ratios []float64
			for _, path := range empty.pages() {
				if status := full.asker.do("GET", full.real.Replace(path), nil).status; status != 200 {
					t.Errorf("GET %s: %d", path, status)
					continue
				}
				ratios = append(ratios, compare(t, path, empty, page, full))
			}
			slices.Sort(ratios)
			slow := len(ratios)
			if i, _ := slices.BinarySearch(ratios, scaleLimit); i < slow {
				t.Errorf("%d of %d addresses take more than %d times as long as on an empty server", slow-i, slow, scaleLimit)
			}
			t.Logf("%d addresses: median %.2f×, at most %.2f× of empty", slow, ratios[slow/2], ratios[slow-1])
		})
	}
}

// compare measures an address, again where it seems slow, and returns the least
// of its ratios to the empty server.
func compare(t *testing.T, path string, empty, page, full place) float64 {
	t.Helper()
	least := math.Inf(1)
	for range measured {
		m := times(path, empty, page, full)
		ratio, mark := ratioOf(m[2], m[0]), ""
		least = min(least, ratio)
		if ratio > scaleLimit {
			mark = "  BEYOND ITS LIMIT"
		}
		t.Logf("%5.2f×  %8v → %8v  (%4.2f× of a page's worth of rows)  %s%s", ratio, m[0].Round(10*time.Microsecond),
			m[2].Round(10*time.Microsecond), ratioOf(m[2], m[1]), path, mark)
		if ratio <= scaleLimit {
			break
		}
	}
	return least
}

func ratioOf(a, b time.Duration) float64 { return float64(a) / float64(b) }

// among are addresses in the midst of what is old: a page of a list that is not
// its first, a search that finds little or nothing, a study of then.
var among = []string{
	"/boxes?after=old+box+00040", "/boxes?find=00077", "/boxes?find=nowhere", "/?after=OLD-PROJECT",
	"/projects/OLD-PROJECT", "/projects/OLD-PROJECT/mails", "/whispers/OLD-WHISPER", "/whispers/OLD-WHISPER/decide", "/boxes/OLD-BOX",
	"/api/v1/boxes?search=nowhere", "/api/v1/projects?limit=20", "/api/v1/projects/OLD-PROJECT/whispers", "/api/v1/projects/OLD-PROJECT/mails",
	"/api/v1/projects/OLD-PROJECT/history", "/api/v1/whispers/OLD-WHISPER",
}

// pages are the addresses that list or show something and come to an end.
func (p place) pages() []string {
	out := slices.Clone(among)
	for _, r := range p.echo.Routes() {
		path := r.Path
		switch {
		case r.Method != "GET", strings.Contains(r.Name, "wrongMethods"), strings.HasPrefix(path, "/api/v1/device"), strings.Contains(path, "*"),
			strings.HasSuffix(path, "/live"), strings.HasSuffix(path, "/events"), strings.HasSuffix(path, ".zip"), strings.Contains(path, "upload"), path == "/echo",
			slices.Contains([]string{"/favicon.ico", "/setup", "/sign-in", "/boxes/codes", protocol.PathSocket}, path):
		case strings.Contains(path, ":") && strings.Contains(p.real.Replace(path), ":"):
		default:
			if status := p.asker.do("GET", p.real.Replace(path), nil).status; status == 200 {
				out = append(out, path)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
