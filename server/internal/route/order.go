package route

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"illumi/server/internal/model"
)

// ShuffleV1 is the first ordering algorithm. Its definition never changes; a
// better one gets another id.
//
//	words:   the stream of SHA-256(seed ‖ counter), counter 0, 1, 2 … as 8 bytes
//	         big-endian, each digest read as four big-endian 64-bit words
//	below n: the next word that is under the largest multiple of n, modulo n
//	shuffle: the input in byte order; for i from last down to 1, swap item i
//	         with item below(i+1)
//
// A digest instead of a language's random generator: ten lines in any language
// check the order, for ever (people.md R12).
const ShuffleV1 = "illumi-shuffle-1"

// SeedBytes is the size of an ordering seed.
const SeedBytes = 32

// Shuffle makes the order record for some names: seed and sorted input.
func Shuffle(seed [SeedBytes]byte, names []string) model.Order {
	input := slices.Clone(names)
	slices.Sort(input)
	return model.Order{Algorithm: ShuffleV1, Seed: hex.EncodeToString(seed[:]), Input: input}
}

// Arrange gives the order that a record stands for.
func Arrange(o model.Order) ([]string, error) {
	if o.Algorithm != ShuffleV1 {
		return nil, fmt.Errorf("route: unknown ordering algorithm %q", o.Algorithm)
	}
	seed, err := ParseSeed(o.Seed)
	if err != nil {
		return nil, err
	}
	if !slices.IsSorted(o.Input) {
		return nil, fmt.Errorf("route: the order's input is not sorted")
	}
	out := slices.Clone(o.Input)
	words := wordStream(seed)
	for i := len(out) - 1; i > 0; i-- {
		j := below(words, uint64(i)+1)
		out[i], out[j] = out[j], out[i]
	}
	return out, nil
}

// ParseSeed reads a seed of 64 hex digits.
func ParseSeed(s string) (seed [SeedBytes]byte, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != SeedBytes {
		return seed, model.RefuseField("seed", "A seed is 64 hexadecimal digits.", "Leave it empty to have one made.")
	}
	return [SeedBytes]byte(b), nil
}

// DeriveSeed gives whisper k of one start its own seed: the start's own for
// k = 0, else SHA-256(seed ‖ k as 8 bytes big-endian ‖ "whisper").
func DeriveSeed(seed [SeedBytes]byte, k int) [SeedBytes]byte {
	if k == 0 {
		return seed
	}
	b := binary.BigEndian.AppendUint64(seed[:], uint64(k)) //nolint:gosec // k counts whispers
	return sha256.Sum256(append(b, "whisper"...))
}

func wordStream(seed [SeedBytes]byte) func() uint64 {
	var counter uint64
	var block [sha256.Size]byte
	used := sha256.Size
	return func() uint64 {
		if used == sha256.Size {
			block = sha256.Sum256(binary.BigEndian.AppendUint64(seed[:], counter))
			counter++
			used = 0
		}
		w := binary.BigEndian.Uint64(block[used:])
		used += 8
		return w
	}
}

func below(next func() uint64, n uint64) int {
	// 2^64 = limit + rest; a word at or above limit would favour small results.
	rest := -n % n
	for {
		if w := next(); rest == 0 || w < -rest {
			return int(w % n) //nolint:gosec // under n, a length
		}
	}
}
