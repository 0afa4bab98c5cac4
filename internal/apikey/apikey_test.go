package apikey

import (
	"errors"
	"strings"
	"testing"
)

func TestKeyIsHeldByItsTextAlone(t *testing.T) {
	k, text := New(Key{Role: Producer, Streams: []string{"clicks"}})
	other, otherText := New(Key{})
	id, secret, err := Parse(text)
	if err != nil || id != k.ID || !k.Holds(secret) {
		t.Errorf("%s is %s, %v", text, id, err)
	}
	if _, wrong, err := Parse(otherText); err != nil || k.Holds(wrong) || other.Holds(secret) || other.ID == k.ID {
		t.Errorf("two keys are alike: %v", err)
	}
	if strings.Contains(string(k.Digest), string(secret)) {
		t.Error("the secret is kept")
	}
}

func TestOtherTextsAreNoKeys(t *testing.T) {
	_, text := New(Key{})
	for _, wrong := range []string{"", "fh_", "fh_a", "fh_a_b", "fh__" + strings.Repeat("A", 43), text[:len(text)-1], text + "A", "x" + text, strings.ToUpper(text[:3]) + text[3:]} {
		if _, _, err := Parse(wrong); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q is read: %v", wrong, err)
		}
	}
}

func TestRolesAndStreamsBoundWhatAKeyAllows(t *testing.T) {
	f := func(k Key, role Role, stream string, want bool) {
		t.Helper()
		if got := k.Allows(role, stream); got != want {
			t.Errorf("%s of %q as %s on %q: %v", k.Role, k.Streams, role, stream, got)
		}
	}
	f(Key{Role: Producer}, Producer, "a", true)
	f(Key{Role: Producer}, Consumer, "a", false)
	f(Key{Role: Producer}, Admin, "", false)
	f(Key{Role: Admin}, Producer, "a", true)
	f(Key{Role: Admin}, Admin, "", true)
	f(Key{Role: Admin, Streams: []string{"a"}}, Admin, "", false)
	f(Key{Role: Admin, Streams: []string{"a"}}, Admin, "a", true)
	f(Key{Role: Consumer, Streams: []string{"web-*"}}, Consumer, "web-clicks", true)
	f(Key{Role: Consumer, Streams: []string{"web-*"}}, Consumer, "app", false)
}

func TestRolesAndPatternsAreChecked(t *testing.T) {
	if _, err := ParseRole("root"); err == nil || !strings.Contains(err.Error(), "producer, consumer or admin") {
		t.Error(err)
	}
	for pattern, good := range map[string]bool{"clicks": true, "web-*": true, "a.b_c": true, "a/b": false, "[a": false, "": false, "a b": false} {
		if err := CheckPattern(pattern); (err == nil) != good {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("fh_abc_def")
	f.Fuzz(func(t *testing.T, text string) {
		if id, secret, err := Parse(text); err == nil && (id == "" || len(secret) != secretSize) {
			t.Errorf("%q is read as %q, %d bytes", text, id, len(secret))
		}
	})
}
