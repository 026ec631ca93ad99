package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/auth"
	"illumi/server/internal/blob"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
	"illumi/server/internal/store/storetest"
)

func TestEnroll_Refusals(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	code := func(name string) string { c, _, err := r.MakeCode(ctx, name); return must(c, err)(t) }
	taken := r.enrol("taken")
	usedCode := code("used")
	r.nobody().json("POST", protocol.PathEnroll, r.enrolment(usedCode, "used")).into(t, &protocol.EnrollResponse{})
	revokedCode := code("revoked")
	for _, c := range must(r.relay.Codes(ctx, operator))(t) {
		if c.Label == "revoked" {
			if err := r.relay.RevokeCode(ctx, operator, c.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	expired := "EXPRD23456"
	err := r.store.Tx(ctx, func(tx *store.Tx) error {
		past := time.Now().Add(-25 * time.Hour)
		return tx.CreateCode(ctx, model.EnrolCode{ID: store.NewID(), Hash: r.relayKey().HashCode(expired), Label: "x", CreatedAt: past, ExpiresAt: past.Add(24 * time.Hour)})
	})
	if err != nil {
		t.Fatal(err)
	}
	open := code("open")
	with := func(change func(*protocol.EnrollRequest)) protocol.EnrollRequest {
		e := r.enrolment(open, "open")
		change(&e)
		return e
	}
	for name, tc := range map[string]struct {
		body   any
		status int
		code   protocol.Code
		words  string
	}{
		"unknown code":   {r.enrolment("AAAAA-AAAAA", "x"), 404, protocol.CodeCodeUnknown, "This code is not known here."},
		"no code":        {r.enrolment("", "x"), 404, protocol.CodeCodeUnknown, "This code is not known here."},
		"used code":      {r.enrolment(usedCode, "another"), 409, protocol.CodeCodeUsed, "This code was used before; a code works once."},
		"expired code":   {r.enrolment(expired, "x"), 410, protocol.CodeCodeExpired, "This code has expired; a code works for 24 hours."},
		"revoked code":   {r.enrolment(revokedCode, "x"), 410, protocol.CodeCodeRevoked, "This code was revoked."},
		"taken name":     {with(func(e *protocol.EnrollRequest) { e.Name = strings.ToUpper(taken.name) }), 409, protocol.CodeNameTaken, `There is a box called "TAKEN" already.`},
		"bad name":       {with(func(e *protocol.EnrollRequest) { e.Name = "a\u202eb" }), 422, protocol.CodeInvalid, "This name is too long or has characters that cannot be shown."},
		"short secret":   {with(func(e *protocol.EnrollRequest) { e.Secret = "abc" }), 422, protocol.CodeInvalid, "The box's request makes no sense."},
		"newer box":      {with(func(e *protocol.EnrollRequest) { e.Version = 2 }), 400, protocol.CodeVersion, "This box is newer than the server."},
		"unknown field":  {map[string]any{"code": open, "colour": "blue"}, 422, protocol.CodeInvalid, "The request could not be read."},
		"not an object":  {[]int{1}, 422, protocol.CodeInvalid, "The request could not be read."},
		"wrong spelling": {map[string]any{"Code": open}, 422, protocol.CodeInvalid, "The request could not be read."},
		"too long":       {map[string]any{"code": strings.Repeat("A", protocol.MaxBodyBytes)}, 413, protocol.CodeInvalid, "The request is too large."},
	} {
		t.Run(name, func(t *testing.T) {
			a := r.nobody().with("X-Forwarded-For", "unheard").json("POST", protocol.PathEnroll, tc.body)
			a.refused(t, tc.status, tc.code)
			if a.problem.Detail != tc.words || a.problem.Next == "" {
				t.Errorf("says %q %q, want %q and what to do", a.problem.Detail, a.problem.Next, tc.words)
			}
		})
		// Trying is bounded for an address; this test is not about that.
		resetThrottles(t, r)
	}
	// A refusal used nothing up; typing is forgiven; repeating gives the same device.
	var first, again protocol.EnrollResponse
	typed := strings.ToLower(open[:5]) + " – " + open[5:] + "\n"
	r.nobody().json("POST", protocol.PathEnroll, r.enrolment(typed, "open")).into(t, &first)
	r.nobody().json("POST", protocol.PathEnroll, r.enrolment(open, "open")).into(t, &again)
	if first.Device == "" || first.Device != again.Device || first.ServerID == "" || first.Name != "open" {
		t.Errorf("enrolled as %+v, and again as %+v", first, again)
	}
}

func (r *rig) relayKey() codes { return codes{must(auth.LoadKey(r.cfg.Data))(r.t)} }

func resetThrottles(t *testing.T, r *rig) {
	t.Helper()
	err := r.store.Tx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.PurgeThrottles(t.Context(), time.Now().Add(time.Hour))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// An address that the client chooses is no address: X-Forwarded-For counts only
// where a proxy is trusted.
func TestEnroll_Throttle(t *testing.T) {
	try := func(r *rig, from string) answer {
		return r.nobody().with("X-Forwarded-For", from, "X-Real-Ip", from, "Forwarded", "for="+from).
			json("POST", protocol.PathEnroll, r.enrolment("AAAAAAAAAA", "x"))
	}
	t.Run("nobody trusted", func(t *testing.T) {
		r := newRig(t)
		for i := range 20 {
			try(r, fmt.Sprintf("203.0.113.%d", i)).refused(t, 404, protocol.CodeCodeUnknown)
		}
		a := try(r, "203.0.113.99")
		a.refused(t, 429, protocol.CodeThrottled)
		if !strings.HasPrefix(a.problem.Next, "Try again in ") {
			t.Errorf("says %q", a.problem.Next)
		}
	})
	t.Run("a workshop", func(t *testing.T) {
		r := newRig(t)
		for i := range 30 {
			r.enrol(fmt.Sprint("box ", i))
		}
		for range 20 {
			try(r, "203.0.113.1").refused(t, 404, protocol.CodeCodeUnknown)
		}
		try(r, "203.0.113.1").refused(t, 429, protocol.CodeThrottled)
	})
	t.Run("proxy trusted", func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.TrustedProxies = []string{"127.0.0.0/8"} })
		for range 20 {
			try(r, "203.0.113.1").refused(t, 404, protocol.CodeCodeUnknown)
		}
		try(r, "203.0.113.1").refused(t, 429, protocol.CodeThrottled)
		try(r, "198.51.100.7, 203.0.113.1").refused(t, 429, protocol.CodeThrottled) // what the client wrote before the proxy
		try(r, "203.0.113.2").refused(t, 404, protocol.CodeCodeUnknown)
	})
}

func TestDevice_OtherBoardIsRefusedAndWrittenDown(t *testing.T) {
	r := newRig(t)
	b := r.enrol("a")
	for range 2 {
		b.with(protocol.HeaderBoard, "another").do("GET", protocol.PathOffers, nil).refused(t, 403, protocol.CodeDeviceHeld)
	}
	if r.device(b.id).HeldAt.IsZero() {
		t.Error("it is not recorded")
	}
	if n := len(r.log.with("another board")); n != 1 {
		t.Errorf("%d log lines, want 1", n)
	}
	b.offers("") // the first board goes on
}

func TestDevice_MethodsAndAddresses(t *testing.T) {
	r := newRig(t)
	b := r.enrol("a")
	id := store.NewID()
	for _, tc := range []struct {
		method, at string
		status     int
		code       protocol.Code
	}{
		{"POST", protocol.PathOffers, 405, protocol.CodeInvalid},
		{"DELETE", protocol.PathEnroll, 405, protocol.CodeInvalid},
		{"POST", replyAt(id), 405, protocol.CodeInvalid},
		{"PUT", protocol.PathSocket, 405, protocol.CodeInvalid},
		{"GET", "/api/v1/device/nothing", 404, protocol.CodeNotFound},
		{"GET", "/api/v2/device/offers", 404, protocol.CodeNotFound},
		{"GET", protocol.PathMedia + "..%2f..%2fserver.key", 404, protocol.CodeNotFound},
		{"GET", protocol.PathMedia + strings.Repeat("0", 64), 404, protocol.CodeNotFound},
		{"PUT", replyAt("..%2f..%2fx"), 422, protocol.CodeInvalid},
		{"GET", protocol.PathOffers + "?since=yesterday", 422, protocol.CodeInvalid},
		{"GET", protocol.PathOffers + "?since=-1", 422, protocol.CodeInvalid},
		{"GET", protocol.PathOffers + "?since=99999999999999999999", 422, protocol.CodeInvalid},
	} {
		t.Run(tc.method+" "+tc.at, func(t *testing.T) {
			b.do(tc.method, tc.at, strings.NewReader("{}")).refused(t, tc.status, tc.code)
		})
	}
}

func TestMedia(t *testing.T) {
	r := newRig(t)
	b, other := r.enrol("a"), r.enrol("b")
	r.person("r@example.org", model.RoleResearcher).start("straight", b, other)
	first, second := b, other
	if len(b.offers("").Offers) == 0 {
		first, second = other, b
	}
	o := first.offer()
	at := protocol.PathMedia + o.Files[0].SHA256
	tag := `"` + o.Files[0].SHA256 + `"`
	whole := first.do("GET", at, nil)
	if whole.status != 200 || digest(whole.body) != o.Files[0].SHA256 || int64(len(whole.body)) != o.Files[0].Size || whole.header.Get("ETag") != tag {
		t.Fatalf("%d %v, %d bytes", whole.status, whole.header, len(whole.body))
	}
	for name, tc := range map[string]struct {
		method string
		header []string
		status int
		want   []byte
	}{
		"head":                {"HEAD", nil, 200, nil},
		"known":               {"GET", []string{"If-None-Match", tag}, 304, nil},
		"another is known":    {"GET", []string{"If-None-Match", `"x"`}, 200, whole.body},
		"part":                {"GET", []string{"Range", "bytes=100-199"}, 206, whole.body[100:200]},
		"rest":                {"GET", []string{"Range", "bytes=1000-", "If-Range", tag}, 206, whole.body[1000:]},
		"rest of another one": {"GET", []string{"Range", "bytes=1000-", "If-Range", `"x"`}, 200, whole.body},
		"last":                {"GET", []string{"Range", "bytes=-10"}, 206, whole.body[len(whole.body)-10:]},
		"behind the end":      {"GET", []string{"Range", fmt.Sprintf("bytes=%d-", len(whole.body))}, 416, nil},
		"nonsense":            {"GET", []string{"Range", "bytes=x"}, 416, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := first.with(tc.header...).do(tc.method, at, nil)
			if a.status != tc.status || a.status != 416 && !bytes.Equal(a.body, tc.want) {
				t.Errorf("%d with %d bytes, want %d with %d", a.status, len(a.body), tc.status, len(tc.want))
			}
			if tc.method == "HEAD" && a.header.Get("Content-Length") != fmt.Sprint(len(whole.body)) {
				t.Errorf("length %s", a.header.Get("Content-Length"))
			}
		})
	}
	// Another box's media are as unknown as media that never were.
	second.do("GET", at, nil).refused(t, 404, protocol.CodeNotFound)
	// What was answered is gone for its box; what it said is the next one's alone.
	reply := first.answer(o, wav(1, 500))
	first.do("GET", protocol.PathMedia+reply.Files[0].SHA256, nil).refused(t, 404, protocol.CodeNotFound)
	first.json("PUT", replyAt(o.Hop), reply).into(t, &protocol.Receipt{})
	first.do("GET", at, nil).refused(t, 404, protocol.CodeNotFound)
	next := second.offer()
	if a := second.do("GET", protocol.PathMedia+next.Files[0].SHA256, nil); a.status != 200 {
		t.Errorf("the next box got %d", a.status)
	}
	first.do("GET", protocol.PathMedia+next.Files[0].SHA256, nil).refused(t, 404, protocol.CodeNotFound)
}

func TestReply(t *testing.T) {
	r := newRig(t)
	a, b := r.enrol("a"), r.enrol("b")
	person := r.person("r@example.org", model.RoleResearcher)
	person.start("after_pause", a)
	o := a.offer()
	reply := a.answer(o, wav(1, 500))
	change := func(f func(*protocol.Reply)) protocol.Reply {
		c := reply
		c.Files = append([]protocol.File(nil), reply.Files...)
		f(&c)
		return c
	}
	for name, tc := range map[string]struct {
		by     box
		hop    string
		body   any
		status int
		code   protocol.Code
	}{
		"another box's turn": {b, o.Hop, reply, 404, protocol.CodeHopUnknown},
		"no turn":            {a, store.NewID(), reply, 404, protocol.CodeHopUnknown},
		"no id":              {a, "7", reply, 404, protocol.CodeHopUnknown},
		"no upload":          {a, o.Hop, change(func(r *protocol.Reply) { r.Files[0].Upload = store.NewID() }), 409, protocol.CodeUploadUnknown},
		"other digest":       {a, o.Hop, change(func(r *protocol.Reply) { r.Files[0].SHA256 = strings.Repeat("0", 64) }), 460, protocol.CodeDigestMismatch},
		"other size":         {a, o.Hop, change(func(r *protocol.Reply) { r.Files[0].Size++ }), 460, protocol.CodeDigestMismatch},
		"no recording":       {a, o.Hop, change(func(r *protocol.Reply) { r.Files = nil }), 422, protocol.CodeInvalid},
		"two recordings":     {a, o.Hop, change(func(r *protocol.Reply) { r.Files = append(r.Files, r.Files[0]) }), 422, protocol.CodeInvalid},
		"sealed":             {a, o.Hop, change(func(r *protocol.Reply) { r.Files[0].Encoding = "age" }), 422, protocol.CodeInvalid},
		"unknown field":      {a, o.Hop, map[string]any{"id": reply.ID, "mood": "good"}, 422, protocol.CodeInvalid},
		"too long":           {a, o.Hop, map[string]any{"id": strings.Repeat("0", protocol.MaxBodyBytes)}, 413, protocol.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			tc.by.json("PUT", replyAt(tc.hop), tc.body).refused(t, tc.status, tc.code)
		})
	}
	var first, again protocol.Receipt
	a.json("PUT", replyAt(o.Hop), reply).into(t, &first)
	if err := first.Proves(o.Hop, reply); err != nil || first.State != protocol.ReplyAccepted || first.RecallUntil == nil {
		t.Errorf("receipt %+v: %v", first, err)
	}
	again1 := a.json("PUT", replyAt(o.Hop), reply)
	again1.into(t, &again)
	if fmt.Sprint(again.ReceivedAt) != fmt.Sprint(first.ReceivedAt) || again.Proves(o.Hop, reply) != nil {
		t.Errorf("repeated: %+v, first %+v", again, first)
	}
	differs := a.json("PUT", replyAt(o.Hop), change(func(r *protocol.Reply) { r.Files[0].SHA256 = strings.Repeat("1", 64) }))
	differs.refused(t, 409, protocol.CodeReplyDiffers)
	if differs.problem.State != string(protocol.ReplyAccepted) {
		t.Errorf("the true state is not told: %+v", differs.problem)
	}
	// Taken back, twice; and nobody else can.
	back := replyAt(o.Hop) + "/" + reply.ID
	b.do("DELETE", back, nil).refused(t, 404, protocol.CodeHopUnknown)
	a.do("DELETE", replyAt(o.Hop)+"/"+store.NewID(), nil).refused(t, 404, protocol.CodeHopUnknown)
	for range 2 {
		var taken protocol.Receipt
		a.do("DELETE", back, nil).into(t, &taken)
		if taken.State != protocol.ReplyTakenBack || taken.RecallUntil != nil {
			t.Errorf("taken back: %+v", taken)
		}
	}
	// The server keeps no byte of it, and learns that without a day's wait.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		_, err := r.blobs.Stat(reply.Files[0].SHA256)
		if errors.Is(err, blob.ErrNotFound) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the bytes of an answer that was taken back are still there: %v", err)
		}
	}
	// The turn is the box's again. What went on cannot be taken back.
	o = a.offer()
	if o.Position != 1 || o.State != protocol.OfferOpen {
		t.Errorf("after taking back: %+v", o)
	}
	person.start("straight", b)
	o = b.offer()
	sent := b.answer(o, wav(1, 600))
	b.json("PUT", replyAt(o.Hop), sent).into(t, &protocol.Receipt{})
	b.do("DELETE", replyAt(o.Hop)+"/"+sent.ID, nil).refused(t, 409, protocol.CodeReplyForwarded)
}

// A status of tus is what a tus client acts on: 404 begins an upload anew.
func TestUploads_KeepTusStatuses(t *testing.T) {
	r := newRig(t)
	b := r.enrol("a").with("Tus-Resumable", "1.0.0")
	b.do("PATCH", protocol.PathUploads+store.NewID(), strings.NewReader("x")).refused(t, 404, protocol.CodeUploadUnknown)
	if a := b.do("HEAD", protocol.PathUploads+store.NewID(), nil); a.status != 404 {
		t.Errorf("HEAD: %d, want 404", a.status)
	}
	b.with("Tus-Resumable", "0.2.0").do("POST", protocol.PathUploads, nil).refused(t, 412, protocol.CodeVersion)
	b.do("PUT", protocol.PathUploads, nil).refused(t, 405, protocol.CodeInvalid)
	b.with("Upload-Length", "5").do("POST", protocol.PathUploads, nil).refused(t, 400, protocol.CodeInvalid)
}

// The whole way over the wire, on both databases: two boxes, one after the
// other, then the mail.
func TestWholeWay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		r := newRig(t, func(c *Config) { c.DB = dsn })
		boxes := map[string]box{}
		sockets := map[string]socket{}
		for _, name := range []string{"conandoyle", "janeeyre"} {
			b := r.enrol(name)
			boxes[b.id] = b
			sockets[b.id], _ = b.dial()
		}
		person := r.person("r@example.org", model.RoleResearcher)
		var all []box
		for _, b := range boxes {
			all = append(all, b)
		}
		whisper := person.start("straight", all...)
		var last []byte
		for position := 1; position <= 2; position++ {
			id := r.hop(whisper, position).DeviceID
			sockets[id].await(protocol.TypeOffers)
			o := boxes[id].offer()
			if o.Position != position {
				t.Errorf("position %d, want %d", o.Position, position)
			}
			if got := boxes[id].do("GET", protocol.PathMedia+o.Files[0].SHA256, nil); digest(got.body) != o.Files[0].SHA256 {
				t.Error("other bytes came")
			}
			last = wav(1, float64(500+position))
			boxes[id].json("PUT", replyAt(o.Hop), boxes[id].answer(o, last)).into(t, &protocol.Receipt{})
			if page := boxes[id].offers(""); len(page.Offers) != 0 {
				t.Errorf("it still has %+v", page.Offers)
			}
		}
		doc := person.do("GET", "/whispers/"+whisper+"/whisper.json", nil)
		if doc.status != 200 || !bytes.Contains(doc.body, []byte(`"state": "complete"`)) || !bytes.Contains(doc.body, []byte(digest(last))) {
			t.Errorf("%d %s", doc.status, doc.body)
		}
	})
}

// A body that does not come, and one that never ends, hold nobody up but their
// own connection; a body may also be absent.
func TestBodies_AreBounded(t *testing.T) {
	r := newRig(t)
	endless := io.MultiReader(strings.NewReader(`{"code":"`), zeros{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req := must(http.NewRequestWithContext(ctx, "POST", r.url+protocol.PathEnroll, endless))(t)
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("an endless body was answered %d", resp.StatusCode)
		}
		resp.Body.Close()
	} else if ctx.Err() != nil {
		t.Errorf("an endless body was read on: %v", err)
	}
	r.nobody().do("POST", protocol.PathEnroll, nil).refused(t, 422, protocol.CodeInvalid)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}
