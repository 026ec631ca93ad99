package app

import (
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

// Each address is asked for so often, and the mean of the quickest counts: what
// they cost, without what others on the machine made them wait.
const (
	scaleRounds = 40
	quickest    = 5
)

// Limits of a page beside a million old events. A search that finds nothing
// walks the names of all boxes, which is a tenth of a millisecond for 2,000.
const (
	scaleLimit  = 2
	searchLimit = 3
)

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

// times asks all in turn, so that what else goes on meets all.
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
		var sum time.Duration
		for _, t := range all[:quickest] {
			sum += t
		}
		out = append(out, sum/quickest)
	}
	return out
}

// pageful is a server that is full of rows for one page of every list and has
// next to nothing older; each of its studies is as large as those of the full one.
var pageful = storetest.Size{Projects: 30, WhispersEach: 10, HopsEach: 5, EventsEach: 100, Devices: 120}

// Every page and list with 1,000 old projects, 10,000 whispers, 2,000 boxes and
// 1,000,000 events answers within twice its time without them: without what is
// older than one page, and, for what shows no list of the server's, with nothing
// else there at all. scripts/bench runs it; a machine that is busy with other
// things can make it fail.
func TestScale(t *testing.T) {
	if os.Getenv("ILLUMI_TEST_SCALE") == "" {
		t.Skip("ILLUMI_TEST_SCALE is not set; scripts/bench sets it")
	}
	size := storetest.Size{Projects: 1000, WhispersEach: 10, HopsEach: 5, EventsEach: 100, Devices: 2000}
	for _, kind := range []string{"sqlite", "mysql"} {
		t.Run(kind, func(t *testing.T) {
			empty, page, full := newPlace(t, kind, nil), newPlace(t, kind, &pageful), newPlace(t, kind, &size)
			slow := 0
			for _, path := range empty.pages() {
				if status := full.asker.do("GET", full.real.Replace(path), nil).status; status != 200 {
					t.Errorf("GET %s: %d", path, status)
					continue
				}
				m := times(path, empty, page, full)
				lasting, whole := ratioOf(m[2], m[1]), ratioOf(m[2], m[0])
				mark := ""
				if whole > scaleLimit {
					mark = "  (its rows)"
				}
				limit := float64(scaleLimit)
				if strings.HasSuffix(path, "=nowhere") {
					limit = searchLimit
				}
				if lasting > limit {
					mark = "  BEYOND ITS LIMIT"
					slow++
				}
				t.Logf("%5.2f×  %8v → %8v  %5.2f× of empty %8v  %s%s", lasting, m[1].Round(10*time.Microsecond), m[2].Round(10*time.Microsecond),
					whole, m[0].Round(10*time.Microsecond), path, mark)
			}
			if slow > 0 {
				t.Errorf("%d addresses take more than twice their time", slow)
			}
		})
	}
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
