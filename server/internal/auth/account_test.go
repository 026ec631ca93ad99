package auth

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

func (r *rig) setupToken(t *testing.T) string {
	t.Helper()
	address, needed, err := r.MakeSetupAddress(t.Context(), "http://127.0.0.1:8080/")
	if err != nil || !needed {
		t.Fatalf("needed %v, %v", needed, err)
	}
	token, ok := strings.CutPrefix(address, "http://127.0.0.1:8080/setup#")
	if !ok || len(strings.ReplaceAll(token, "-", "")) != 26 {
		t.Fatalf("address %q", address)
	}
	return token
}

func TestSetup(t *testing.T) {
	r := newRig(t, false)
	voided := r.setupToken(t)
	token := r.setupToken(t)
	create := func(token, email, password string) error {
		_, err := r.CreateFirstAdmin(t.Context(), token, email, "Ann", password)
		return err
	}
	for name, err := range map[string]error{
		"voided by a newer one": create(voided, annMail, annPass),
		"empty":                 create("", annMail, annPass),
		"wrong":                 create(strings.Repeat("A", 26), annMail, annPass),
	} {
		if e, ok := model.AsError(err); !ok || e.Field != "token" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := r.hashes.Load(); n != 0 {
		t.Errorf("a wrong token cost %d hashes", n)
	}
	for name, err := range map[string]error{
		"password": create(token, annMail, "short"),
		"email":    create(token, "ann", annPass),
	} {
		if e, ok := model.AsError(err); !ok || e.Field != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	// As somebody types it who reads it from a screen.
	if err := create(" #"+strings.ToLower(strings.ReplaceAll(token, "-", " ")), annMail, annPass); err != nil {
		t.Fatalf("after mistakes in other fields: %v", err)
	}
	u, err := r.SignIn(r.visiting(t), annMail, annPass, home)
	if err != nil || u.Role != model.RoleAdmin {
		t.Errorf("%v, %v", u.Role, err)
	}
	if err := create(token, "eve@example.org", annPass); err == nil {
		t.Error("used twice")
	}
	if _, needed, err := r.MakeSetupAddress(t.Context(), "http://x"); needed || err != nil {
		t.Errorf("an address with an administrator there: %v, %v", needed, err)
	}
}

func TestSetup_OneOfManyWins(t *testing.T) {
	r := newRig(t, false)
	token := r.setupToken(t)
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			_, err := r.CreateFirstAdmin(t.Context(), token, fmt.Sprintf("admin%d@example.org", i), "Ann", annPass)
			if err == nil {
				won.Add(1)
			} else if e, ok := model.AsError(err); !ok || e.Field != "token" {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	var admins int
	err := r.store.View(t.Context(), func(tx *store.Tx) (err error) {
		admins, err = tx.CountAdmins(t.Context())
		return err
	})
	if won.Load() != 1 || admins != 1 || err != nil {
		t.Errorf("%d won, %d administrators, %v", won.Load(), admins, err)
	}
}

func TestAccounts_Mistakes(t *testing.T) {
	r := newRig(t, false)
	r.withAnn(t)
	create := func(email, name, password string, role model.Role) error {
		_, err := r.CreateUser(t.Context(), email, name, password, role)
		return err
	}
	for field, errs := range map[string][]error{
		"email": {
			create(" ANN@example.org", "Ann", annPass, model.RoleAdmin), // there already
			create("x", "Ann", annPass, model.RoleAdmin),
			r.SetPassword(t.Context(), "nobody@example.org", annPass),
			r.Disable(t.Context(), "nobody@example.org"),
		},
		"name":     {create("b@example.org", "\u202eevil", annPass, model.RoleAdmin), create("b@example.org", " ", annPass, model.RoleAdmin)},
		"password": {create("b@example.org", "Bob", "short", model.RoleAdmin), r.SetPassword(t.Context(), annMail, "short")},
		"role":     {create("b@example.org", "Bob", annPass, "king")},
	} {
		for i, err := range errs {
			e, ok := model.AsError(err)
			if !ok || e.Field != field || e.Sentence == "" || e.Next == "" {
				t.Errorf("%s %d: %v", field, i, err)
			}
		}
	}
}

func TestThrottle_Account(t *testing.T) {
	r := newRig(t, false)
	r.withAnn(t)
	h := r.site()
	owner := newBrowser(t, h)
	if status := owner.signIn(annPass); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	// A stranger, each time from another place.
	for i := range perAccount.limit {
		if _, err := r.SignIn(r.visiting(t), annMail, "guess", fmt.Sprintf("198.51.100.%d", i)); code(err) != protocol.CodeSignIn {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	r.hashes.Store(0)
	r.pass(3 * time.Minute)
	_, err := r.SignIn(r.visiting(t), annMail, annPass, "198.51.100.99")
	e, ok := model.AsError(err)
	if !ok || e.Code != protocol.CodeThrottled || e.Next != "Try again in 12 minutes." || e.RetryAfter <= 11*time.Minute {
		t.Errorf("%v", err)
	}
	if r.hashes.Load() != 0 {
		t.Error("a refused attempt was hashed")
	}
	// An unknown account answers alike, and the other accounts are free.
	if _, err := r.SignIn(r.visiting(t), "bob@example.org", annPass, "198.51.100.99"); code(err) != protocol.CodeSignIn {
		t.Errorf("another account: %v", err)
	}
	// The owner's browser was here before: not locked out.
	if status, _ := owner.do("POST", "/sign-out", nil); status != http.StatusNoContent {
		t.Fatal(status)
	}
	if status := owner.signIn(annPass); status != http.StatusSeeOther {
		t.Errorf("the owner is locked out: %d", status)
	}
	// Yet a forged proof is none.
	forger := newBrowser(t, h)
	forger.jar["illumi-known"] = strings.Repeat("0", 64)
	if status := forger.signIn(annPass); status != http.StatusTooManyRequests {
		t.Errorf("forged proof: %d", status)
	}
	// And nobody for ever.
	r.pass(12*time.Minute + time.Second)
	if _, err := r.SignIn(r.visiting(t), annMail, annPass, "198.51.100.99"); err != nil {
		t.Errorf("after the window: %v", err)
	}
}

// A crowd of strangers uses up what all may try together.
func TestThrottle_CrowdDoesNotLockOut(t *testing.T) {
	r := newRig(t, false)
	r.withAnn(t)
	owner := newBrowser(t, r.site())
	if status := owner.signIn(annPass); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	if status, _ := owner.do("POST", "/sign-out", nil); status != http.StatusNoContent {
		t.Fatal(status)
	}
	for range allSignIns.limit - 1 {
		if err := r.spend(t.Context(), charge{allSignIns, ""}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.SignIn(r.visiting(t), annMail, annPass, "198.51.100.99"); code(err) != protocol.CodeThrottled {
		t.Errorf("a new browser in the crowd: %v", err)
	}
	if status := owner.signIn(annPass); status != http.StatusSeeOther {
		t.Errorf("the owner is locked out: %d", status)
	}
	// A known browser is bounded as well.
	for range knownSignIns.limit - 2 {
		if err := r.spend(t.Context(), charge{knownSignIns, ""}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{http.StatusSeeOther, http.StatusTooManyRequests} {
		if status, _ := owner.do("POST", "/sign-out", nil); status != http.StatusNoContent {
			t.Fatal(status)
		}
		if status := owner.signIn(annPass); status != want {
			t.Errorf("known browsers: %d, want %d", status, want)
		}
	}
}

func TestThrottle_SuccessForgives(t *testing.T) {
	r := newRig(t, false)
	r.withAnn(t)
	for range 2 {
		for range perAccount.limit - 1 {
			if err := r.spend(t.Context(), charge{perAccount, r.key.mac("sign-in account", annMail)}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.SignIn(r.visiting(t), annMail, annPass, home); err != nil {
			t.Fatal(err)
		}
	}
}

func TestThrottle_ClientAndAll(t *testing.T) {
	r := newRig(t, false)
	r.withAnn(t)
	for range perClient.limit {
		if err := r.spend(t.Context(), charge{perClient, ClientPrefix("2001:db8:1:2::3")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.SignIn(r.visiting(t), annMail, annPass, "2001:db8:1:2:ffff::9"); code(err) != protocol.CodeThrottled {
		t.Errorf("another address of the same /64: %v", err)
	}
	if _, err := r.SignIn(r.visiting(t), annMail, annPass, "2001:db8:1:3::3"); err != nil {
		t.Errorf("another /64: %v", err)
	}

	few := charge{budget{"test/all", 2, time.Hour}, ""}
	for i, want := range []protocol.Code{"", "", protocol.CodeThrottled} {
		if err := r.spend(t.Context(), few); code(err) != want {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestRedeemThrottle(t *testing.T) {
	r := newRig(t, false)
	for range perRedeemer.limit {
		if err := r.RedeemThrottle(t.Context(), home); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.RedeemThrottle(t.Context(), home+":99"); code(err) != protocol.CodeThrottled {
		t.Errorf("%v", err)
	}
	if err := r.RedeemThrottle(t.Context(), "192.0.2.8"); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	for range perRedeemer.limit + 1 { // never less than none
		if err := r.RedeemDone(t.Context(), home); err != nil {
			t.Fatal(err)
		}
	}
	for range perRedeemer.limit {
		if err := r.RedeemThrottle(t.Context(), home); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.RedeemThrottle(t.Context(), home); code(err) != protocol.CodeThrottled {
		t.Errorf("all tries were given back, and one more: %v", err)
	}
	r.pass(perRedeemer.window)
	if err := r.RedeemThrottle(t.Context(), home); err != nil {
		t.Errorf("after the window: %v", err)
	}
}

func TestInWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Second: "1 second", 40 * time.Second: "40 seconds", 59*time.Second + 1: "60 seconds", time.Minute: "1 minute",
		61 * time.Second: "2 minutes", 15 * time.Minute: "15 minutes",
	} {
		if got := inWords(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestNoMiddleware(t *testing.T) {
	r := newRig(t, false)
	r.withAnn(t)
	if _, err := r.SignIn(t.Context(), annMail, annPass, home); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if _, err := ActorFrom(t.Context()); code(err) != protocol.CodeSignIn {
		t.Errorf("%v", err)
	}
}
