package config

import (
	"fmt"
	"log/slog"
)

// Secret is the box's secret. However it is printed, it stays one; string(s)
// is the only way to the real one.
type Secret string

const redacted = "(secret)"

func (Secret) String() string { return redacted }

// Format covers every verb of fmt.
func (Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, redacted) } // fmt.State cannot tell of errors

// LogValue covers slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText covers JSON and whatever else asks.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
