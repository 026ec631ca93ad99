package auth

import (
	"context"
	"fmt"

	"github.com/alexedwards/argon2id"
)

// params are OWASP's floor for argon2id, about 45 ms on a small machine. One
// lane, so that a hash costs the same on every machine.
var params = &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// decoy looks like a hash made with params and is the hash of nothing. Looking
// for an account that does not exist costs one comparison with it.
const decoy = "$argon2id$v=19$m=19456,t=2,p=1$aWxsdW1pLWRlY295LTAwMQ$egjqsL8fxoF2xt2Po42jqYPHl258uf78sIIcCiagC9o"

// hasher bounds how many hashes run at once: each takes 19 MiB, and whoever
// can ask for many could otherwise take all the memory.
type hasher struct {
	slots chan struct{}
	// ran, if not nil, is told of every hash that is computed.
	ran func()
}

func newHasher() *hasher { return &hasher{slots: make(chan struct{}, 2)} }

func (h *hasher) enter(ctx context.Context) (leave func(), err error) {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a free password hasher: %w", ctx.Err())
	}
	if h.ran != nil {
		h.ran()
	}
	return func() { <-h.slots }, nil
}

func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	sum, err := argon2id.CreateHash(password, params)
	if err != nil {
		return "", fmt.Errorf("hash the password: %w", err)
	}
	return sum, nil
}

// check compares; stale says that the hash was made with other parameters
// than today's. Exactly one hash is computed, whatever comes out.
func (h *hasher) check(ctx context.Context, password, hash string) (match, stale bool, err error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer leave()
	match, used, err := argon2id.CheckHash(password, hash)
	if err != nil {
		return false, false, fmt.Errorf("check the password: %w", err)
	}
	return match, *used != *params, nil
}
