package auth

import (
	"strings"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

func TestToken(t *testing.T) {
	r := newRig(t, false)
	ctx := t.Context()
	u := model.User{ID: store.NewID(), Email: annMail, Role: model.RoleResearcher, PasswordHash: "x", CreatedAt: r.now()}
	if err := r.store.Tx(ctx, func(tx *store.Tx) error { return tx.CreateUser(ctx, u) }); err != nil {
		t.Fatal(err)
	}
	ann := model.Actor{UserID: u.ID, Role: u.Role}
	wish := TokenRequest{Name: "script", Scopes: []model.Scope{model.ScopeRead}, Project: "p", Lifetime: 7 * 24 * time.Hour}
	make := func() (string, model.Token) {
		t.Helper()
		text, token, err := r.MakeToken(ctx, ann, wish)
		if err != nil || !strings.HasPrefix(text, "ilm_") || len(text) != 44 {
			t.Fatalf("%q %v", text, err)
		}
		return "Bearer " + text, token
	}
	move := func(d time.Duration) { r.mu.Lock(); r.clock = r.clock.Add(d); r.mu.Unlock() }
	works := func(header string) bool {
		t.Helper()
		who, err := r.AuthenticateToken(ctx, header, "192.0.2.1")
		if err != nil {
			if e, ok := model.AsError(err); !ok || e.Code != protocol.CodeSignIn {
				t.Errorf("refused with %v", err)
			}
			return false
		}
		if who.UserID != u.ID || who.Project != "p" || who.Token == "" || len(who.Scopes) != 1 || who.May(model.CreateProjects) {
			t.Errorf("stands for %+v", who)
		}
		return true
	}
	first, token := make()
	second, _ := make()
	if !works(first) || !works(second) || works("") || works(first+"x") || works("Bearer ilm_") || works("Basic "+first[7:]) {
		t.Error("the wrong tokens work")
	}
	list, err := r.Tokens(ctx, ann)
	if err != nil || len(list) != 2 || list[0].LastUsedAt.IsZero() || strings.Contains(list[0].TokenHash, "ilm_") {
		t.Errorf("%+v %v", list, err)
	}
	// Nobody else can end it, and a token only itself.
	stranger, other := model.Actor{UserID: "somebody"}, ann
	other.Token = list[0].ID
	if r.RevokeToken(ctx, stranger, token.ID) == nil || r.RevokeToken(ctx, other, token.ID) == nil || !works(first) {
		t.Error("another one revoked it")
	}
	if _, _, err := r.MakeToken(ctx, other, wish); err == nil {
		t.Error("a token made a token")
	}
	if err := r.RevokeToken(ctx, ann, token.ID); err != nil || works(first) || !works(second) {
		t.Errorf("revoked: %v", err)
	}
	move(7*24*time.Hour - time.Second)
	if !works(second) {
		t.Error("it ended too early")
	}
	move(time.Second)
	if works(second) {
		t.Error("it works after its end")
	}
	third, _ := make()
	if err := r.store.Tx(ctx, func(tx *store.Tx) error { return tx.SetUserDisabled(ctx, u.ID, r.now()) }); err != nil {
		t.Fatal(err)
	}
	if works(third) {
		t.Error("the token of a disabled account works")
	}
	for name, bad := range map[string]TokenRequest{
		"no name":     {Scopes: wish.Scopes, Lifetime: wish.Lifetime},
		"no scope":    {Name: "n", Lifetime: wish.Lifetime},
		"wrong scope": {Name: "n", Scopes: []model.Scope{"all"}, Lifetime: wish.Lifetime},
		"for ever":    {Name: "n", Scopes: wish.Scopes, Lifetime: 1000 * 24 * time.Hour},
	} {
		if _, _, err := r.MakeToken(ctx, ann, bad); err == nil {
			t.Errorf("%s: made", name)
		}
	}
}

// Tokens that do not work are counted by address; those that do are never kept out.
func TestToken_Throttled(t *testing.T) {
	r := newRig(t, false)
	ctx := t.Context()
	u := model.User{ID: store.NewID(), Email: annMail, Role: model.RoleResearcher, PasswordHash: "x", CreatedAt: r.now()}
	if err := r.store.Tx(ctx, func(tx *store.Tx) error { return tx.CreateUser(ctx, u) }); err != nil {
		t.Fatal(err)
	}
	good, _, err := r.MakeToken(ctx, model.Actor{UserID: u.ID, Role: u.Role}, TokenRequest{Name: "n", Scopes: model.Scopes(), Lifetime: 7 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	try := func(text, ip string) protocol.Code {
		t.Helper()
		_, err := r.AuthenticateToken(ctx, "Bearer "+text, ip)
		if err == nil {
			return ""
		}
		e, ok := model.AsError(err)
		if !ok {
			t.Fatal(err)
		}
		if e.Code == protocol.CodeThrottled && e.RetryAfter <= 0 {
			t.Error("nobody is told when to come again")
		}
		return e.Code
	}
	for i := range perTokenClient.limit {
		if got := try("ilm_WRONG", "192.0.2.1"); got != protocol.CodeSignIn {
			t.Fatalf("try %d: %s", i+1, got)
		}
		if got := try("no token at all", "192.0.2.1"); got != protocol.CodeSignIn {
			t.Fatalf("what is no token: %s", got)
		}
	}
	for _, tc := range []struct {
		text, ip string
		want     protocol.Code
	}{
		{"ilm_WRONG", "192.0.2.1", protocol.CodeThrottled},
		{"no token at all", "192.0.2.1", protocol.CodeSignIn},
		{"ilm_WRONG", "192.0.2.2", protocol.CodeSignIn},
		{good, "192.0.2.1", ""},
	} {
		if got := try(tc.text, tc.ip); got != tc.want {
			t.Errorf("%s from %s: %q, want %q", tc.text[:4], tc.ip, got, tc.want)
		}
	}
	r.mu.Lock()
	r.clock = r.clock.Add(perTokenClient.window)
	r.mu.Unlock()
	if got := try("ilm_WRONG", "192.0.2.1"); got != protocol.CodeSignIn {
		t.Errorf("a quarter of an hour later: %s", got)
	}
}
