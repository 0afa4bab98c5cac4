package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strconv"
	"strings"
)

// Bytes is a number of bytes. As text it is a number and a unit: B, KiB, MiB, GiB, TiB are powers of 1,024; kB (or KB),
// MB, GB, TB are powers of 1,000. No unit means bytes.
type Bytes int64

var byteUnits = []struct {
	name string
	size float64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"kB", 1e3}, {"B", 1},
}

// ErrBadBytes is returned for a text that is not a size.
var ErrBadBytes = errors.New("not a size such as 64MiB")

// ParseBytes reads a size. A fraction is allowed if it comes to whole bytes: 1.5KiB is 1,536.
func ParseBytes(text string) (Bytes, error) {
	number, unit := text, 1.0
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			number, unit = strings.TrimRight(rest, " "), u.size
			break
		}
	}
	if strings.Trim(number, "0123456789.") != "" {
		return 0, fmt.Errorf("%q: %w", text, ErrBadBytes)
	}
	if whole, err := strconv.ParseInt(number, 10, 64); err == nil && whole <= math.MaxInt64/int64(unit) {
		return Bytes(whole * int64(unit)), nil
	}
	n, err := strconv.ParseFloat(number, 64)
	if n *= unit; err != nil || n != math.Trunc(n) || n >= 1<<53 {
		return 0, fmt.Errorf("%q: %w", text, ErrBadBytes)
	}
	return Bytes(n), nil
}

// String writes a size with the largest binary unit in which it is whole.
func (b Bytes) String() string {
	for _, u := range byteUnits[:4] {
		if size := Bytes(u.size); b != 0 && b%size == 0 {
			return strconv.FormatInt(int64(b/size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// MarshalText writes the form of String.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads a size as ParseBytes does.
func (b *Bytes) UnmarshalText(text []byte) (err error) {
	*b, err = ParseBytes(string(text))
	return err
}

// Document is a part of the file that has a language of its own: YAML, to be read by whoever speaks it.
type Document string

// Secret is a text that shows itself to nobody: every way of printing, logging or encoding it gives "***". In a file,
// a flag or the environment it is the secret itself, or file:PATH or env:NAME to take it from a file (without the line
// end) or from another variable.
type Secret string

// hidden stands for a secret in all output. It is refused as a secret's value, because it can only come from there.
const hidden = "***"

// Reveal returns the secret. Whoever calls it sees to it that the secret goes nowhere but to its use.
func (s Secret) Reveal() string { return string(s) }

// Key returns the secret as a key of 32 bytes, written in base64. The error does not show the secret.
func (s Secret) Key() (key [32]byte, err error) {
	raw, err := base64.StdEncoding.DecodeString(string(s))
	if err != nil || len(raw) != len(key) {
		return key, errors.New("secret key is not base64 of 32 bytes")
	}
	return [32]byte(raw), nil
}

// String returns "***", or nothing for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// Format writes the form of String whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// MarshalText writes the form of String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is the form of String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
