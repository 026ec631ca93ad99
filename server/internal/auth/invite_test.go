package auth

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
	"illumi/server/internal/store/storetest"
)

// post keeps the links that were mailed.
type post struct {
	mu    sync.Mutex
	links map[string][]string // by kind and address
}

func (p *post) ComposeAccount(kind string, n News, to string) (model.Mail, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.links == nil {
		p.links = map[string][]string{}
	}
	p.links[kind+" "+to] = append(p.links[kind+" "+to], n.Link)
	return model.Mail{ID: store.NewID(), To: to, Subject: kind}, nil
}

func (p *post) last(kind, to string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if all := p.links[kind+" "+to]; len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

// people is a service with mails and one administrator, on a given database.
type people struct {
	*rig
	mails *post
	boss  model.Actor
}

func eachPeople(t *testing.T, test func(t *testing.T, p people)) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		st, err := store.Open(t.Context(), store.Options{DSN: dsn, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		})
		key, err := LoadKey(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		p := people{rig: &rig{clock: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}, mails: &post{}}
		p.Service = New(Options{Store: st, Key: key, Log: slog.New(slog.DiscardHandler), Mails: p.mails,
			PublicURL: func() string { return "https://illumi.example.org/" },
			MayInvite: func(_ context.Context, a model.Actor, project string) error {
				if a.Role == model.RoleAdmin || len(a.UserID) > 30 && project == "p-"+a.UserID[2:] {
					return nil
				}
				return model.NotFound("project")
			},
			Now: func() time.Time { p.mu.Lock(); defer p.mu.Unlock(); return p.clock }})
		p.hasher.ran = func() { p.hashes.Add(1) }
		u, err := p.CreateUser(t.Context(), "boss@example.org", "Boss", annPass, model.RoleAdmin)
		if err != nil {
			t.Fatal(err)
		}
		p.boss = model.Actor{UserID: u.ID, Role: u.Role}
		test(t, p)
	})
}

func tokenIn(t *testing.T, link, page string) string {
	t.Helper()
	token, ok := strings.CutPrefix(link, "https://illumi.example.org"+page+"#")
	if !ok || len(token) < 26 {
		t.Fatalf("link %q", link)
	}
	return token
}

func field(err error) string {
	if e, ok := model.AsError(err); ok {
		return e.Field
	}
	return ""
}

func TestInvite(t *testing.T) {
	eachPeople(t, func(t *testing.T, p people) {
		ctx := t.Context()
		invite := func(mail string) (string, model.Ticket) {
			t.Helper()
			link, ticket, err := p.Invite(ctx, p.boss, InviteRequest{Email: mail})
			if err != nil || link != p.mails.last(MailInvite, mail) {
				t.Fatal(link, err)
			}
			return tokenIn(t, link, "/join"), ticket
		}
		accept := func(token string) error {
			_, err := p.Accept(ctx, token, "Ann", annPass, home)
			return err
		}
		old, _ := invite(annMail)
		token, _ := invite(annMail)
		if _, err := p.Accept(ctx, token, "Ann", "short", home); field(err) != "password" {
			t.Errorf("short password: %v", err)
		}
		for name, bad := range map[string]string{"voided by a newer one": old, "wrong": strings.Repeat("A", 26), "empty": ""} {
			if err := accept(bad); field(err) != "token" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := p.Reset(ctx, token, annPass, home); field(err) != "token" {
			t.Errorf("an invitation resets: %v", err)
		}
		if err := accept(strings.ToLower(token)); err != nil {
			t.Fatal(err)
		}
		if err := accept(token); field(err) != "token" {
			t.Errorf("used twice: %v", err)
		}
		revoked, ticket := invite("b@example.org")
		if err := p.RevokeInvitation(ctx, model.Actor{UserID: "x", Role: model.RoleResearcher}, ticket.ID); code(err) != protocol.CodeForbidden {
			t.Errorf("a stranger revokes: %v", err)
		}
		if err := p.RevokeInvitation(ctx, p.boss, ticket.ID); err != nil || field(accept(revoked)) != "token" {
			t.Errorf("revoked: %v", err)
		}
		late, _ := invite("c@example.org")
		p.pass(model.TicketLifetime)
		if err := accept(late); field(err) != "token" {
			t.Errorf("after a day: %v", err)
		}
		if _, _, err := p.Invite(ctx, p.boss, InviteRequest{Email: annMail}); field(err) != "email" {
			t.Errorf("somebody who is here: %v", err)
		}
		if list, err := p.Invitations(ctx, p.boss, ""); err != nil || len(list) != 4 {
			t.Errorf("%d invitations, %v", len(list), err)
		}
	})
}

func TestInvite_OneOfManyWins(t *testing.T) {
	eachPeople(t, func(t *testing.T, p people) {
		link, _, err := p.Invite(t.Context(), p.boss, InviteRequest{Email: annMail})
		if err != nil {
			t.Fatal(err)
		}
		token := tokenIn(t, link, "/join")
		var won atomic.Int64
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if _, err := p.Accept(t.Context(), token, fmt.Sprint("Ann ", i), annPass, home); err == nil {
					won.Add(1)
				} else if field(err) != "token" && field(err) != "email" {
					t.Errorf("%d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d won", won.Load())
		}
	})
}

func TestInvite_Project(t *testing.T) {
	eachPeople(t, func(t *testing.T, p people) {
		ctx := t.Context()
		u, err := p.CreateUser(ctx, annMail, "Ann", annPass, model.RoleResearcher)
		if err != nil {
			t.Fatal(err)
		}
		ann := model.Actor{UserID: u.ID, Role: u.Role}
		project := "p-" + u.ID[2:]
		err = p.store.Tx(ctx, func(tx *store.Tx) error {
			return tx.CreateProject(ctx, model.Project{ID: project, Title: "Study", OwnerID: u.ID, Forwarding: model.ForwardStraight, CreatedAt: p.now()})
		})
		if err != nil {
			t.Fatal(err)
		}
		wish := InviteRequest{Email: "b@example.org", Project: project, ProjectRole: model.ProjectViewer}
		for name, bad := range map[string]InviteRequest{
			"another's project": {Email: wish.Email, Project: "p-other", ProjectRole: model.ProjectViewer},
			"the server":        {Email: wish.Email},
			"an administrator":  {Email: wish.Email, Project: project, ProjectRole: model.ProjectViewer, Role: model.RoleAdmin},
			"no part":           {Email: wish.Email, Project: project},
		} {
			if _, _, err := p.Invite(ctx, ann, bad); err == nil {
				t.Errorf("%s: invited", name)
			}
		}
		link, _, err := p.Invite(ctx, ann, wish)
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.Accept(ctx, tokenIn(t, link, "/join"), "Bob", annPass, home)
		if err != nil {
			t.Fatal(err)
		}
		part := func(user string) (m model.Member) {
			if err := p.store.View(ctx, func(tx *store.Tx) (err error) { m, err = tx.Member(ctx, project, user); return err }); err != nil {
				t.Error(err)
			}
			return m
		}
		if m := part(b.ID); m.Role != model.ProjectViewer || m.AddedBy != u.ID || b.Role != model.RoleResearcher {
			t.Errorf("%+v", m)
		}
		// Who has an account gets the part at once.
		wish.Email = "boss@example.org"
		if link, _, err := p.Invite(ctx, ann, wish); err != nil || link != "" || part(p.boss.UserID).Role != model.ProjectViewer {
			t.Errorf("%q %v", link, err)
		}
		if _, _, err := p.Invite(ctx, ann, wish); field(err) != "email" {
			t.Errorf("twice: %v", err)
		}
		// An invitation dies with its maker's account.
		wish.Email = "c@example.org"
		link, _, err = p.Invite(ctx, ann, wish)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.SetDisabled(ctx, p.boss, u.ID, true); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Accept(ctx, tokenIn(t, link, "/join"), "Cy", annPass, home); field(err) != "token" {
			t.Errorf("after its maker was disabled: %v", err)
		}
	})
}

func TestReset(t *testing.T) {
	eachPeople(t, func(t *testing.T, p people) {
		ctx := t.Context()
		for _, mail := range []string{"boss@example.org", "nobody@example.org"} {
			if err := p.AskReset(ctx, mail, home); err != nil {
				t.Errorf("%s: %v", mail, err)
			}
		}
		if p.mails.last(MailReset, "nobody@example.org") != "" {
			t.Error("a stranger was mailed")
		}
		first := tokenIn(t, p.mails.last(MailReset, "boss@example.org"), "/reset/new")
		if err := p.AskReset(ctx, "boss@example.org", home); err != nil {
			t.Fatal(err)
		}
		second := tokenIn(t, p.mails.last(MailReset, "boss@example.org"), "/reset/new")
		if err := p.Reset(ctx, first, "another long password", home); field(err) != "token" {
			t.Errorf("the older link: %v", err)
		}
		if _, err := p.SignIn(p.visiting(t), "boss@example.org", annPass, home); err != nil {
			t.Fatal(err)
		}
		if err := p.Reset(ctx, second, "another long password", home); err != nil {
			t.Fatal(err)
		}
		if list, err := p.SessionsOf(p.visiting(t), p.boss); err != nil || len(list) != 0 {
			t.Errorf("sessions live on: %v %v", list, err)
		}
		if _, err := p.SignIn(p.visiting(t), "boss@example.org", "another long password", home); err != nil {
			t.Error(err)
		}
		if err := p.Reset(ctx, second, "another long password", home); field(err) != "token" {
			t.Errorf("replayed: %v", err)
		}
		if p.mails.last(MailPassword, "boss@example.org") != "https://illumi.example.org/reset" {
			t.Error("the person was not told")
		}
		// Known and unknown addresses are throttled alike.
		for _, mail := range []string{"boss@example.org", "nobody@example.org"} {
			for range 4 {
				_ = p.AskReset(ctx, mail, "198.51.100.7")
			}
			if err := p.AskReset(ctx, mail, "198.51.100.7"); code(err) != protocol.CodeThrottled {
				t.Errorf("%s: %v", mail, err)
			}
		}
	})
}

func TestSignUp(t *testing.T) {
	eachPeople(t, func(t *testing.T, p people) {
		ctx := t.Context()
		if err := p.AskSignUp(ctx, annMail, home); code(err) != protocol.CodeForbidden {
			t.Errorf("closed: %v", err)
		}
		if err := p.SetOpenSignUp(ctx, model.Actor{Role: model.RoleResearcher}, true); code(err) != protocol.CodeForbidden {
			t.Errorf("a researcher opens it: %v", err)
		}
		if err := p.SetOpenSignUp(ctx, p.boss, true); err != nil {
			t.Fatal(err)
		}
		for _, mail := range []string{annMail, "boss@example.org"} {
			if err := p.AskSignUp(ctx, mail, home); err != nil {
				t.Fatal(err)
			}
		}
		if p.mails.last(MailSignUp, "boss@example.org") != "" || p.mails.last(MailReset, "boss@example.org") == "" {
			t.Error("somebody with an account")
		}
		token := tokenIn(t, p.mails.last(MailSignUp, annMail), "/join")
		u, err := p.Accept(ctx, token, "Ann", annPass, home)
		if err != nil || u.Email != annMail || u.Role != model.RoleResearcher {
			t.Errorf("%+v %v", u, err)
		}
	})
}

func TestPeople_LastAdministrator(t *testing.T) {
	eachPeople(t, func(t *testing.T, p people) {
		ctx := t.Context()
		takes := map[string]func(actor model.Actor, id string) error{
			"role":    func(a model.Actor, id string) error { return p.SetRole(ctx, a, id, model.RoleInstaller) },
			"disable": func(a model.Actor, id string) error { return p.SetDisabled(ctx, a, id, true) },
			"end":     func(a model.Actor, id string) error { return p.SetEnd(ctx, a, id, p.now().Add(time.Hour)) },
		}
		for name, take := range takes {
			if err := take(p.boss, p.boss.UserID); code(err) != protocol.CodeConflict {
				t.Errorf("%s of the last: %v", name, err)
			}
			if err := take(model.Actor{UserID: "x", Role: model.RoleResearcher}, p.boss.UserID); code(err) != protocol.CodeForbidden {
				t.Errorf("%s by a researcher: %v", name, err)
			}
		}
		// Two who take each other's role away at once: one stays.
		u, err := p.CreateUser(ctx, annMail, "Ann", annPass, model.RoleAdmin)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var done atomic.Int64
		for _, id := range []string{p.boss.UserID, u.ID} {
			wg.Go(func() {
				if takes["role"](p.boss, id) == nil {
					done.Add(1)
				}
			})
		}
		wg.Wait()
		if done.Load() != 1 {
			t.Errorf("%d of two administrators went", done.Load())
		}
	})
}

func TestEnded_RefusesSignIn(t *testing.T) {
	r := newRig(t, false)
	u := r.withAnn(t)
	boss := model.Actor{UserID: "boss", Role: model.RoleAdmin}
	b := newBrowser(t, r.site())
	if status := b.signIn(annPass); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	if err := r.SetEnd(t.Context(), boss, u.ID, r.now().Add(time.Hour)); err != nil || !b.signedIn() {
		t.Fatal("before the end", err)
	}
	r.pass(time.Hour)
	if _, body := b.do("GET", "/recheck", nil); body == "true" || b.signedIn() || b.signIn(annPass) == http.StatusSeeOther {
		t.Error("the account works after its end")
	}
	if err := r.SetEnd(t.Context(), boss, u.ID, time.Time{}); err != nil || b.signIn(annPass) != http.StatusSeeOther {
		t.Error("it does not work again", err)
	}
}

func TestSessionsOf(t *testing.T) {
	r := newRig(t, false)
	u := r.withAnn(t)
	ann := model.Actor{UserID: u.ID, Role: u.Role}
	here, there, third := r.visiting(t), r.visiting(t), r.visiting(t)
	for i, ctx := range []context.Context{here, there, third} {
		v, err := visitFrom(ctx)
		if err != nil {
			t.Fatal(err)
		}
		v.agent = fmt.Sprint("browser ", i)
		if err := r.Begin(ctx, u); err != nil {
			t.Fatal(err)
		}
	}
	list, err := r.SessionsOf(here, ann)
	if err != nil || len(list) != 3 || !list[0].Here || list[1].Here || list[0].Agent != "browser 0" || list[0].Began.IsZero() {
		t.Fatalf("%+v %v", list, err)
	}
	if r.EndSession(here, model.Actor{UserID: "somebody"}, list[1].ID) == nil {
		t.Error("a stranger ends it")
	}
	alive := func(ctx context.Context, want bool) {
		t.Helper()
		if ok, err := r.Recheck(ctx); ok != want || err != nil {
			t.Errorf("alive %v, %v", ok, err)
		}
	}
	for _, s := range list {
		if s.Agent == "browser 1" {
			if err := r.EndSession(here, ann, s.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	alive(here, true)
	alive(there, false)
	alive(third, true)
	if err := r.EndOtherSessions(here, ann); err != nil {
		t.Fatal(err)
	}
	alive(here, true)
	alive(third, false)

	if err := r.ChangePassword(here, "wrong", "another long password", home); field(err) != "old" {
		t.Errorf("a wrong old password: %v", err)
	}
	again := r.visiting(t)
	if err := r.Begin(again, u); err != nil {
		t.Fatal(err)
	}
	if err := r.ChangePassword(here, annPass, "another long password", home); err != nil {
		t.Fatal(err)
	}
	alive(here, true)
	alive(again, false)
	if _, err := r.SignIn(r.visiting(t), annMail, "another long password", home); err != nil {
		t.Error(err)
	}
	if left, longer := r.Remaining(here); left < idle-time.Minute || !longer {
		t.Errorf("%v left, %v", left, longer)
	}
}
