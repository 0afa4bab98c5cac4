package mask

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// shape is what the masks of a kind look like, with what they show in groups; shown returns what they may show of a
// value.
type shape struct {
	rule  Rule
	mask  *regexp.Regexp
	shown func(text string) string
}

// A first letter is a letter or digit with what belongs to it.
const first = `(?:[\p{L}\p{Nd}][\p{L}\p{M}\x{200c}\x{200d}]{0,7})?\*\*\*`

func shapes() []shape {
	digits := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r = fold(r); r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, s)
	}
	topLevel := func(s string) string {
		s = strings.TrimSuffix(strings.TrimSpace(s), ".")
		return s[strings.LastIndexByte(s, '.')+1:]
	}
	const label = `[\p{L}\p{M}\p{Nd}_*-]`
	return []shape{
		{Rule{Kind: "all"}, regexp.MustCompile(`^\*\*\*$`), func(string) string { return "" }},
		{Rule{Kind: "ssn:last4"}, regexp.MustCompile(`^(\*\*\*|\*\*\*-\*\*-(\d{4}|\*{4}))$`), func(s string) string { s = digits(s); return s[max(0, len(s)-4):] }},
		{Rule{Kind: "email:partial"}, regexp.MustCompile(`^(\*\*\*|` + first + `@(\*\*\*|\[\*\*\*\]|` + first + `\.[\p{L}\p{M}]{2,24}|` + first + `\.(?i:xn--)[a-zA-Z0-9-]{1,20}))$`), topLevel},
		{Rule{Kind: "email:partial", Domain: "keep"}, regexp.MustCompile(`^(\*\*\*|` + first + `@(\*\*\*|\[\*\*\*\]|` + label + `*(\.` + label + `*)+))$`), func(s string) string { return s[strings.LastIndexByte(s, '@')+1:] }},
		{Rule{Kind: "phone:area"}, regexp.MustCompile(`^(\*\*\*|\*\*\*-\*{4}|(\+1-)?[2-9]\d\d-\*\*\*-\*{4}|\+\d{1,3}-\*\*\*)$`), func(s string) string {
			// As dialled: letters are digits. The area is behind a 1, a country code first or behind a prefix.
			var dialled strings.Builder
			for _, r := range s {
				if r = fold(r); r >= '0' && r <= '9' {
					dialled.WriteRune(r)
				} else if r|0x20 >= 'a' && r|0x20 <= 'z' && r < 0x80 {
					dialled.WriteByte(keypad[r|0x20-'a'])
				}
			}
			d := dialled.String()
			parts := []string{d[:min(3, len(d))]}
			for _, prefix := range []string{"1", "011", "00", "0111", "001"} {
				if rest, ok := strings.CutPrefix(d, prefix); ok {
					parts = append(parts, rest[:min(3, len(rest))])
				}
			}
			return strings.Join(parts, " ")
		}},
		{Rule{Kind: "name:first_letter"}, regexp.MustCompile(`^` + first + `( ` + first + `){0,3}$`), func(string) string { return "" }},
		{Rule{Kind: "dob:year"}, regexp.MustCompile(`^(\*\*\*|\*\*/\*\*/\d{4})$`), digits},
		{Rule{Kind: "ip:net"}, regexp.MustCompile(`^(\*\*\*|\d+\.\d+\.\d+\.0|[0-9a-f:]+::|::)$`), func(s string) string { return strings.ToLower(s) }},
	}
}

// runs returns the runs of letters and digits in a text that are long enough to tell something.
func runs(s string) (list []string) {
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if len([]rune(word)) >= 3 {
			list = append(list, word)
		}
	}
	return list
}

func FuzzNothingHiddenShows(f *testing.F) {
	for _, seed := range []string{
		"123-45-6789", "１２３４５６７８９", "XXX-XX-6789", "john.smith@email.com", `"a b"@c.d`, "é@exämple.de", "john@[192.0.2.1]", "ann@xn--a.xn--p1ai",
		"(512) 789-1111", "512-789-1111 x12", "+1-555-123-4567", "+44 20 7946 0958", "01144207946", "1-800-FLOWERS", "***-****", "512-***-****",
		"John Smith", "e\u0301lodie", "'t Hooft", "王小明", "क्षमा", "👩‍👩‍👧 a", "\u0d4eab", "\u0600\u0d4e1a", "ᄀᄀᄀᄀ가", "1980-02-03", "Feb 3, 1980", "**/**/1980",
		"203.0.113.77", "2001:db8:85a3:1234::7", "::ffff:1.2.3.4", "2002:cb00:714d::1", "a\u200d", "\xff", "\u0344", "J*** S***", "j***@e***.com", "01<2011200009 000A@0", "512@*P.PPPP.",
		`"a b"@[192.0.2.1]`, `\n123456789\u0040email.com`, `{"lead":"\u002b442079460958"}`,
	} {
		f.Add(seed)
	}
	list := shapes()
	var maskers []*Masker
	for _, s := range list {
		s.rule.Path = "v"
		maskers = append(maskers, masker(f, s.rule))
	}
	everywhere := masker(f, Rule{Path: "*", Kind: kindPattern})
	hash := masker(f, Rule{Path: "v", Kind: "hash"})
	f.Fuzz(func(t *testing.T, value string) {
		event, err := json.Marshal(map[string]string{"v": value})
		if err != nil {
			t.Fatal(err)
		}
		text := norm.NFC.String(strings.ToValidUTF8(value, "\ufffd"))
		for i, s := range list {
			got, _ := maskTwice(t, maskers[i], string(event))
			if value == "" {
				continue
			}
			if !s.mask.MatchString(got) {
				t.Errorf("%s of %q is %q, which is no mask of the kind", s.rule.Kind, value, got)
			}
			shown := s.shown(text)
			for _, run := range runs(got) {
				if s.rule.Kind != "ip:net" && !strings.Contains(shown, run) {
					t.Errorf("%s of %q is %q, which shows %q; only %q may show", s.rule.Kind, value, got, run, shown)
				}
			}
		}
		maskTwice(t, everywhere, string(event))
		if got, _ := maskTwice(t, hash, string(event)); value != "" && got != stars && !hashed.MatchString(got) {
			t.Errorf("the hash of %q is %q", value, got)
		}
	})
}

var hashed = regexp.MustCompile(`^hmac:[A-Za-z0-9_-]{22}$`)

// maskTwice masks the string v of an event, and checks that the mask of the mask is itself.
func maskTwice(t *testing.T, m *Masker, event string) (string, Done) {
	t.Helper()
	masked, done := apply(t, m, event)
	again, second := apply(t, m, masked)
	if again != masked || second.Unparsed > 0 {
		t.Errorf("%s becomes %s, and that %s with %d unparsed", event, masked, again, second.Unparsed)
	}
	var out map[string]string
	if err := json.Unmarshal([]byte(masked), &out); err != nil {
		t.Fatalf("%s: %v", masked, err)
	}
	return out["v"], done
}
