package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// NewID makes an id: a UUID of version 7, so that ids sort by age.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// Times are microseconds since 1970; 0 is "not yet", the zero time.

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func span(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

// MaxPage is the most that one list returns, whatever limit was asked for.
const MaxPage = 1000

func page(limit int) int32 { return int32(min(max(limit, 1), MaxPage)) }

// lastID sorts after every id: a list from its newest end begins below it.
const lastID = "~"

func before(id string) string {
	if id == "" {
		return lastID
	}
	return id
}

// fold makes the form in which names are compared and searched.
func fold(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("store: encode %T: %w", v, err)
	}
	return string(b), nil
}

func decode(s string, v any) error {
	if s == "{}" { // many are, and nothing is in them
		return nil
	}
	if err := json.Unmarshal([]byte(s), v); err != nil {
		return fmt.Errorf("store: decode %T: %w", v, err)
	}
	return nil
}

// decodeOr is decode for a column that older rows leave empty.
func decodeOr[V any](s string, v *V, empty V) error {
	if s == "" {
		*v = empty
		return nil
	}
	return decode(s, v)
}

// list turns rows into values.
func list[R, V any](rows []R, value func(R) (V, error)) ([]V, error) {
	out := make([]V, 0, len(rows))
	for _, r := range rows {
		v, err := value(r)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
