package app

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store/storetest"
)

// oldRounds is how many turns each server plays; the median counts.
const oldRounds = 60

// oldLimit is what a turn beside a million old ones may cost, of one beside ten.
const oldLimit = 1.25

// A turn costs the same with 10 and with 1,000,000 old ones in the database.
// scripts/bench runs it.
func TestOldHops(t *testing.T) {
	if os.Getenv("ILLUMI_TEST_SCALE") == "" {
		t.Skip("ILLUMI_TEST_SCALE is not set; scripts/bench sets it")
	}
	small := storetest.Size{Projects: 1, WhispersEach: 3, HopsEach: 5, EventsEach: 5, Devices: 10}
	large := storetest.Size{Projects: 1000, WhispersEach: 101, HopsEach: 10, EventsEach: 1, Devices: 2000}
	for _, kind := range []string{"sqlite", "mysql"} {
		t.Run(kind, func(t *testing.T) {
			places := []turnPlace{newTurnPlace(t, kind, small), newTurnPlace(t, kind, large)}
			syscall.Sync() // what was filled in is not written out at the turns' cost
			times := make([][][]time.Duration, len(places))
			for round := range oldRounds {
				for i, p := range places { // in turn, so that what else goes on meets both
					times[i] = append(times[i], p.turn(t, float64(200+round)))
				}
			}
			for step, name := range turnSteps {
				few, many := middle(times[0], step), middle(times[1], step)
				t.Logf("%5.2f×  %8v → %8v  %s", ratioOf(many, few), few.Round(10*time.Microsecond), many.Round(10*time.Microsecond), name)
				if r := ratioOf(many, few); step == len(turnSteps)-1 && r > oldLimit {
					t.Errorf("a turn takes %.2f times as long beside a million old ones, at most %.2f", r, oldLimit)
				}
			}
		})
	}
}

// turnSteps are what of a turn is timed.
var turnSteps = []string{"the box asks for its offers", "it has it", "it was heard", "its reply is taken", "the next box is offered the next", "the whole turn, beside 10 and beside 1,000,000 old ones"}

// middle is the median of one step.
func middle(turns [][]time.Duration, step int) time.Duration {
	var all []time.Duration
	for _, t := range turns {
		all = append(all, t[step])
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// turnPlace is a server whose two boxes play a turn.
type turnPlace struct {
	*rig
	owner client
	boxes []box
}

func newTurnPlace(t *testing.T, kind string, size storetest.Size) turnPlace {
	t.Helper()
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "old.db")
	if kind == "mysql" {
		dsn = storetest.New(t, kind)
	}
	r := newRig(t, func(c *Config) { c.DB = dsn })
	p := turnPlace{r, r.person("owner@example.org", model.RoleAdmin), []box{r.enrol("a"), r.enrol("b")}}
	whisper := p.owner.start("straight", p.boxes...)
	user := must(r.relay.Whisper(t.Context(), operator, whisper))(t).Whisper.StartedBy
	p.end(t, whisper)
	began := time.Now()
	storetest.Fill(t, dsn, user, size)
	t.Logf("%d old hops were filled in within %v", size.Projects*size.WhispersEach*size.HopsEach, time.Since(began).Round(time.Second))
	return p
}

func (p turnPlace) end(t *testing.T, whisper string) {
	t.Helper()
	if a := p.owner.form("/whispers/"+whisper+"/end", nil); a.status != 303 {
		t.Fatalf("end: %d %s", a.status, a.body)
	}
}

// turn plays the first turn of a new whisper and times all that the server does
// for it after the upload: offers, progress, the reply, the next offer.
func (p turnPlace) turn(t *testing.T, pitch float64) []time.Duration {
	t.Helper()
	whisper := p.owner.start("straight", p.boxes...)
	first, second := p.boxes[0], p.boxes[1]
	if len(open(first)) == 0 {
		first, second = second, first
	}
	s, _ := first.dial()
	reply := first.answer(open(first)[0], wav(0.2, pitch+math.Mod(float64(time.Now().UnixNano()), 97)/97))
	began := time.Now()
	last := began
	var took []time.Duration
	step := func() {
		now := time.Now()
		took, last = append(took, now.Sub(last)), now
	}
	o := open(first)[0]
	step()
	for _, said := range []protocol.MessageType{protocol.TypeDelivered, protocol.TypeHeard} {
		s.say(said, string(said), protocol.Progress{Hop: o.Hop, Epoch: o.Epoch, At: time.Now().UTC()})
		s.await(protocol.TypeAck)
		step()
	}
	first.json("PUT", replyAt(o.Hop), reply).into(t, &protocol.Receipt{})
	step()
	for len(open(second)) == 0 {
		if time.Since(began) > time.Minute {
			t.Fatal("the next box was offered nothing")
		}
	}
	step()
	p.end(t, whisper)
	return append(took, last.Sub(began))
}

// open are a box's offers that wait for it.
func open(b box) []protocol.Offer {
	return slices.DeleteFunc(b.offers("").Offers, func(o protocol.Offer) bool { return o.State != protocol.OfferOpen })
}
