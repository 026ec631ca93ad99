package auth

import (
	"context"
	"fmt"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// budget is how many attempts one key has in one window. A window ends by
// itself; attempts while it is used up do not lengthen it.
type budget struct {
	name   string
	limit  int
	window time.Duration
}

// Budgets. The global ones bound what a crowd of addresses can try.
var (
	perAccount = budget{"signin/account/", 10, 15 * time.Minute}
	perBrowser = budget{"signin/browser/", 10, 15 * time.Minute}
	perClient  = budget{"signin/client/", 60, 15 * time.Minute}
	allSignIns = budget{"signin/all", 1000, 15 * time.Minute}
	// Browsers that were signed in before have a budget of their own, so that a
	// crowd of strangers who use the other one up lock nobody out.
	knownSignIns = budget{"signin/known", 1000, 15 * time.Minute}

	// Tokens that do not work: a program that is told so need not ask on.
	perTokenClient = budget{"token/client/", 60, 15 * time.Minute}

	perRedeemer = budget{"enrol/client/", 20, 15 * time.Minute}
	// 1000 tries in 15 minutes find one of 2^49 codes within its day with a
	// chance of less than one in a thousand million.
	allRedeems = budget{"enrol/all", 1000, 15 * time.Minute}
)

type charge struct {
	budget
	key string
}

// spend takes one attempt from each budget, in order, and stops at the first
// that is used up. The refusal says how long to wait.
func (s *Service) spend(ctx context.Context, charges ...charge) error {
	now := s.now()
	var wait time.Duration
	err := s.store.Tx(ctx, func(tx *store.Tx) error {
		wait = 0
		for _, c := range charges {
			ok, after, err := tx.Throttle(ctx, c.name+c.key, now, c.limit, c.window)
			if err != nil {
				return err
			}
			if !ok {
				wait = max(after, time.Second)
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("count an attempt: %w", err)
	}
	if wait > 0 {
		refusal := model.Refuse(protocol.CodeThrottled, "There were too many attempts.", "Try again in "+inWords(wait)+".")
		refusal.RetryAfter = wait
		return refusal
	}
	return nil
}

// inWords writes a wait, rounded up: "40 seconds", "1 minute", "12 minutes".
func inWords(d time.Duration) string {
	n, unit := int((d+time.Minute-1)/time.Minute), "minute"
	if d < time.Minute {
		n, unit = int((d+time.Second-1)/time.Second), "second"
	}
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// redeemCharges are what one try of an enrolment code costs.
func redeemCharges(ip string) []charge {
	return []charge{{perRedeemer, ClientPrefix(ip)}, {allRedeems, ""}}
}

// RedeemThrottle counts one try of an enrolment code from a client address,
// before the code is looked at.
func (s *Service) RedeemThrottle(ctx context.Context, ip string) error {
	return s.spend(ctx, redeemCharges(ip)...)
}

// RedeemDone gives a try back that RedeemThrottle counted and that was no
// guess: a workshop may enrol many boxes from one address.
func (s *Service) RedeemDone(ctx context.Context, ip string) error {
	err := s.store.Tx(ctx, func(tx *store.Tx) error {
		for _, c := range redeemCharges(ip) {
			if err := tx.ThrottleGiveBack(ctx, c.name+c.key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("give a try back: %w", err)
	}
	return nil
}
