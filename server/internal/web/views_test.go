package web

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

var readIcons = sync.OnceValues(func() ([]string, error) {
	text, err := os.ReadFile("assets/src/icons.svg")
	var names []string
	for _, m := range regexp.MustCompile(`<symbol id="([^"]*)"`).FindAllStringSubmatch(string(text), -1) {
		names = append(names, m[1])
	}
	return names, err
})

func icons(t *testing.T) []string {
	t.Helper()
	names, err := readIcons()
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// hostile is what people may call things.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, strings.Repeat("W", 80), "صندوق الجدة", "Ö 漢字 🦉",
	`' onmouseover='alert(1)`, "{{.}}", "a\u202Eb", "../../etc/passwd",
}

var allHopStates = []model.HopState{
	model.HopPlanned, model.HopOffered, model.HopDelivered, model.HopHeard, model.HopReceived, model.HopHeld,
	model.HopApproved, model.HopSkipped, model.HopRejected, model.HopWithdrawn,
}

var allWhisperStates = []model.WhisperState{
	model.WhisperDraft, model.WhisperTravelling, model.WhisperPaused, model.WhisperComplete, model.WhisperEnded,
}

// Every state of the model has words of its own and an icon that exists.
func TestStates_areComplete(t *testing.T) {
	check := func(name string, s state, ok bool) {
		t.Helper()
		if !ok || s.Word == "" {
			t.Errorf("%s has no word", name)
		}
		found := false
		for _, icon := range icons(t) {
			found = found || icon == s.Icon
		}
		if !found {
			t.Errorf("%s: no icon %q", name, s.Icon)
		}
		if !regexp.MustCompile(`^(quiet|live|hold|good|bad)$`).MatchString(s.Tone) {
			t.Errorf("%s: no tone %q", name, s.Tone)
		}
	}
	for _, s := range allWhisperStates {
		words, ok := whisperStates[s]
		check(string(s), words, ok)
	}
	for _, s := range allHopStates {
		_, ok := hopStates[s]
		for _, w := range allWhisperStates {
			for _, p := range []model.Presence{model.PresenceOnline, model.PresenceDark, model.PresenceRevoked} {
				for _, h := range []model.Hop{{State: s}, {State: s, ReadyAt: time.Unix(1, 0)}, {State: s, RecordingAt: time.Unix(1, 0)}, {State: s, SavedAt: time.Unix(1, 0)}} {
					check(string(s), hopState(h, w, presence{Kind: p}), ok)
				}
			}
		}
	}
	for _, s := range []model.Presence{model.PresenceNever, model.PresenceOnline, model.PresenceAway, model.PresenceDark, model.PresenceRevoked} {
		words, ok := presences[s]
		check(string(s), words, ok)
	}
	for _, s := range []model.CodeState{model.CodeOpen, model.CodeUsed, model.CodeExpired, model.CodeRevoked} {
		words, ok := codeStates[s]
		check(string(s), words, ok)
	}
	for _, s := range []model.MailState{model.MailQueued, model.MailSent, model.MailFailed} {
		_, ok := mailStates[s]
		check(string(s), mailState(model.Mail{State: s, Attempts: 1}), ok)
	}
}

// A revoked box does nothing any more, however far it had come.
func TestHopState_ofARevokedBox(t *testing.T) {
	at := time.Unix(1, 0)
	for _, h := range []model.Hop{
		{State: model.HopPlanned}, {State: model.HopPlanned, ReadyAt: at}, {State: model.HopOffered}, {State: model.HopDelivered},
		{State: model.HopHeard}, {State: model.HopHeard, RecordingAt: at}, {State: model.HopHeard, SavedAt: at},
	} {
		box := presence{Kind: model.PresenceRevoked}
		if s := hopState(h, model.WhisperTravelling, box); s.Tone != "bad" || !strings.Contains(s.Word, "revoked") {
			t.Errorf("%+v: %+v", h, s)
		}
		if news := hopNews(hopView{Hop: h, Presence: box}); news != "waits for" {
			t.Errorf("%+v: the whisper %s it", h, news)
		}
	}
	for _, s := range []model.HopState{model.HopHeld, model.HopApproved, model.HopWithdrawn} {
		if got := hopState(model.Hop{State: s}, model.WhisperTravelling, presence{Kind: model.PresenceRevoked}); got != hopStates[s] {
			t.Errorf("%s: %+v", s, got)
		}
	}
}

// view makes a whisper in a state, with a hop in each state, and names people
// might give.
func view(s model.WhisperState, name string, media bool, now time.Time) relay.View {
	v := relay.View{Boxes: map[string]model.Device{}}
	v.Project = model.Project{ID: "p", Title: name, Forwarding: model.ForwardPause, Hold: time.Minute}
	v.Whisper = model.Whisper{ID: "w", ProjectID: "p", Title: name, State: s, Forwarding: model.ForwardPause, Hold: 90 * time.Second,
		StartedAt: now, CompletedAt: now, EndedAt: now, Order: model.Order{Algorithm: "a", Seed: strings.Repeat("0", 64), Input: []string{name}}}
	add := func(position int, reply string) {
		for _, role := range []protocol.Role{protocol.RoleAudio, protocol.RoleImage} {
			for _, variant := range []model.Variant{model.VariantOriginal, model.VariantShared} {
				v.Files = append(v.Files, model.File{WhisperID: "w", Position: position, ReplyID: reply, Role: role, Variant: variant, Type: "image/png", Width: 3, Height: 4})
			}
		}
	}
	if media {
		add(0, "")
	}
	for i, hs := range allHopStates {
		id := string(hs)
		v.Boxes[id] = model.Device{ID: id, Name: name + id, LastSeenAt: now.Add(-time.Duration(i) * 10 * time.Hour), ConnectedAt: now.Add(-200 * time.Hour)}
		h := model.Hop{ID: id, DeviceID: id, Position: i + 1, State: hs, ReadyAt: now, OfferedAt: now, HeardAt: now, HoldUntil: now, EndedAt: now}
		if hs == model.HopHeld || hs == model.HopApproved {
			h.ReplyID, h.ReceivedAt = "r"+id, now
			v.Replies = append(v.Replies, model.Reply{ID: h.ReplyID, HopID: id, DeviceID: id, State: protocol.ReplyAccepted, Facts: protocol.Facts{Plays: 1, Takes: 3, Photo: "dark", SentBy: "grace"}})
			if media {
				add(h.Position, h.ReplyID)
			}
		}
		v.Whisper.Hops = append(v.Whisper.Hops, h)
	}
	v.Replies = append(v.Replies, model.Reply{ID: "late", HopID: string(model.HopSkipped), DeviceID: string(model.HopSkipped), State: protocol.ReplyLate, ReceivedAt: now})
	if media {
		add(8, "late")
	}
	for i, ms := range []model.MailState{model.MailQueued, model.MailSent, model.MailFailed} {
		v.Mails = append(v.Mails, model.Mail{ID: string(ms), State: ms, To: "a@b.example", Attempts: i, LastError: name, NextAt: now})
	}
	for kind := range eventWords {
		v.Events = append(v.Events, model.Event{ID: kind, Kind: kind, DeviceID: string(model.HopHeard), At: now})
	}
	v.Events = append(v.Events, model.Event{Kind: "from a newer server", At: now})
	return v
}

func TestWhisperView_withAnything(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	w, err := New(Options{Now: func() time.Time { return now }, Server: "illumi"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range hostile {
		for _, s := range allWhisperStates {
			for _, media := range []bool{true, false} {
				var out bytes.Buffer
				shown := w.compose(view(s, name, media, now))
				shown.Hears, shown.Steers, shown.Shares, shown.Self = true, true, true, "/whispers/w"
				shown.pairUp("", "")
				p := page{Title: name, Server: name, User: model.User{ID: "u", Name: name, Email: name}, Data: shown}
				if err := w.views["whisper"].ExecuteTemplate(&out, "layout.html", p); err != nil {
					t.Fatal(err)
				}
				checkPage(t, string(s)+" "+name, out.String())
				if n := strings.Count(out.String(), "<audio "); media && n != 6 || !media && n != 0 {
					t.Errorf("%d recordings", n) // the seed, two answers, the pair, the late one
				}
			}
		}
	}
}

func TestBoxViews_withAnything(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	w, err := New(Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range hostile {
		refused := model.RefuseField("name", name, name)
		for _, d := range []model.Device{
			{ID: "d", Name: name}, {ID: "d", Name: name, LastSeenAt: now, HeldAt: now}, {ID: "d", Name: name, LastSeenAt: now.Add(-time.Hour)},
			{ID: "d", Name: name, LastSeenAt: now.Add(-48 * time.Hour), BoardModel: name}, {ID: "d", Name: name, RevokedAt: now},
		} {
			row := boxRow{Device: d, Presence: w.presence(d)}
			code := codeRow{EnrolCode: model.EnrolCode{ID: "c", Label: name}, State: codeStates[model.CodeUsed], Box: name}
			open := codeRow{EnrolCode: model.EnrolCode{ID: "o", Label: name}, State: codeStates[model.CodeOpen], Open: true}
			for view, data := range map[string]any{
				"boxes": boxesView{Boxes: []boxRow{row}, OpenCodes: []codeRow{open}, OldCodes: []codeRow{code}, NewCode: "ABCDEFGHJK", NewLabel: name, NewUntil: now, Name: name},
				"start": startView{Boxes: []boxRow{row}, Form: startForm{Title: name, Audio: name, AudioName: name, Seed: name, Count: name, Key: name}, Project: model.Project{ID: "p", Title: name}},
			} {
				var out bytes.Buffer
				p := page{Title: name, User: model.User{ID: "u"}, Admin: true, Keeper: true, Data: data, Error: refused}
				if err := w.views[view].ExecuteTemplate(&out, "layout.html", p); err != nil {
					t.Fatal(err)
				}
				checkPage(t, view+" "+name, out.String())
			}
		}
	}
}

func TestWords(t *testing.T) {
	for in, want := range map[time.Duration]string{
		time.Second: "1 second", 42 * time.Second: "42 seconds", time.Minute: "1 minute", 10 * time.Minute: "10 minutes",
		95 * time.Second: "1:35", time.Hour: "1 hour", 90 * time.Minute: "1 hour 30 minutes", 48 * time.Hour: "2 days", 25 * time.Hour: "25 hours",
	} {
		if got := length(in); got != want {
			t.Errorf("length(%v) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"": "/", "/boxes": "/boxes", "/projects/1?x=2": "/projects/1", "//evil.example": "/", `/\evil.example`: "/", "https://evil.example/": "/",
		"evil": "/", "/%2f/evil.example": "/", "javascript:alert(1)": "/", "/sign-out\r\nX: y": "/", "/a/../..//evil": "/a/../..//evil",
	} {
		if got := safeNext(in); got != want {
			t.Errorf("safeNext(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFileName_readsBack(t *testing.T) {
	for _, role := range []protocol.Role{protocol.RoleAudio, protocol.RoleImage} {
		for _, variant := range []model.Variant{model.VariantOriginal, model.VariantShared} {
			for kind := range extensions {
				f := model.File{Position: 107, Role: role, Variant: variant, Type: kind}
				got, ok := fileWish(fileName(f))
				if !ok || got != (relay.FileWish{Position: 107, Role: role, Variant: variant}) {
					t.Errorf("%s reads as %+v", fileName(f), got)
				}
			}
		}
	}
	for _, name := range []string{"", "x", "00_audio.wav", "-1_audio_shared.wav", "00_audio_shared_x.wav", "../00_audio_shared.wav"} {
		if _, ok := fileWish(name); ok {
			t.Errorf("%q passes for a file's name", name)
		}
	}
}
