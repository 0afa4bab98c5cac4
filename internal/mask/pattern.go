package mask

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

const redacted = "[REDACTED]"

// appendRedacted appends free text with what looks like a social security number, a card number, an e-mail address or a
// phone number replaced. If there was none it appends nothing and says so.
//
// A text is often JSON itself, so its escapes count as what they stand for: \\n123456789 begins with no letter.
//
// Numbers are looked for in runs of digit groups with a little punctuation between them. One that is written as such
// numbers are (123-45-6789) counts wherever it stands; bare digits count only if no letter touches them, since
// identifiers are full of digits. A phone number without area code is not looked for.
func (m *Masker) appendRedacted(dst, text []byte) (_ []byte, found bool) {
	copied, tried := 0, 0 // what is before them is in dst; is no part of a local part that comes later
	redact := func(start, end int) {
		dst = append(append(dst, text[copied:start]...), redacted...)
		copied, found = end, true
	}
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf && c != '@' && c != '%' && c != '\\' && !isDigit(c) {
			i++
			continue
		}
		r, size := runeAt(text, i)
		switch {
		case r == '@', c == '%' && i+2 < len(text) && text[i+1] == '4' && text[i+2] == '0':
			if start, end, ok := emailAround(text, i, max(copied, tried)); ok {
				redact(start, end)
				i = end
				continue
			}
			tried = i + 1
		case unicode.Is(unicode.Nd, r):
			m.run.read(text, i)
			for _, s := range m.run.find(text) {
				redact(max(s.start, copied), s.end)
			}
			i = m.run.end
			continue
		}
		i += size
	}
	if !found {
		return dst, false
	}
	return append(dst, text[copied:]...), true
}

// emailAround returns the address around an @.
func emailAround(text []byte, at, from int) (start, end int, ok bool) {
	_, size := runeAt(text, at)
	start, end = at, at+size
	if text[at] == '%' {
		end = at + len("%40")
	}
	domain := end
	for start > from {
		r, size := runeBefore(text[from:], start-from)
		if !isAddress(r) && !(r < utf8.RuneSelf && r > ' ' && containsByte("!$%'*+^`{|}~", byte(r))) {
			break
		}
		start -= size
	}
	for end < len(text) {
		r, size := runeAt(text, end)
		if !isAddress(r) {
			break
		}
		end += size
	}
	for end > domain && !isWord(text, end) {
		end--
	}
	if start == at {
		start = from + quotedBefore(text[from:at])
	}
	if end == domain {
		end += literalAfter(text[domain:])
	}
	return start, end, start < at && end > domain
}

// partMax is more than either part of an address that stands in quotes or brackets may have.
const partMax = 70

// quotedBefore returns where the quoted part begins that a text ends in, with the backslash before it if there is one.
func quotedBefore(text []byte) int {
	end := len(text)
	if end == 0 || text[end-1] != '"' {
		return end
	}
	least := max(0, end-partMax)
	quote := bytes.LastIndexByte(text[least:end-1], '"')
	switch start := least + quote; {
	case quote < 0:
		return end
	case start > 0 && text[start-1] == '\\':
		return start - 1
	default:
		return start
	}
}

// literalAfter returns how long the address in brackets is that a text begins with: [192.0.2.1].
func literalAfter(text []byte) int {
	if len(text) == 0 || text[0] != '[' {
		return 0
	}
	return 1 + bytes.IndexByte(text[:min(len(text), partMax)], ']')
}

// isWord says whether a text up to an offset ends in more than punctuation.
func isWord(text []byte, end int) bool {
	c := text[end-1]
	return c != '.' && c != '-' && c != '_'
}

// isAddress says whether a rune can be in both parts of an address.
func isAddress(r rune) bool {
	return r == '.' || r == '-' || r == '_' || r != utf8.RuneError && unicode.In(r, unicode.L, unicode.M, unicode.Nd)
}

func containsByte(list string, c byte) bool {
	for i := range len(list) {
		if list[i] == c {
			return true
		}
	}
	return false
}

type span struct{ start, end int }

// group is digits side by side.
type group struct {
	span
	first, count int // of the run's digits
	joint        bool
}

const gapMax = 3 // characters between two groups

// run is digit groups with a little punctuation between them.
type run struct {
	digits []byte
	groups []group
	end    int
	plus   bool // before the first group
	before bool // a letter touches the first group
	behind bool // a letter touches the last group
	spans  []span
}

func (u *run) read(text []byte, start int) {
	u.digits, u.groups, u.spans, u.end = u.digits[:0], u.groups[:0], u.spans[:0], start
	u.before = letterBefore(text, start)
	u.plus = start > 0 && foldBefore(text, start) == '+'
	i, gap := start, 0
	for i < len(text) {
		r, size := runeAt(text, i)
		if c := fold(r); c >= '0' && c <= '9' {
			n := len(u.groups)
			if n == 0 || u.groups[n-1].end != i && !u.groups[n-1].joint {
				u.groups = append(u.groups, group{span: span{i, i}, first: len(u.digits)})
				n++
			}
			g := &u.groups[n-1]
			u.digits = append(u.digits, byte(c))
			g.count++
			i += size
			g.end, g.joint, u.end, gap = i, false, i, 0
			continue
		}
		if len(u.groups) == 0 {
			break
		}
		g := &u.groups[len(u.groups)-1]
		if unicode.Is(unicode.Cf, r) { // invisible
			g.joint = g.joint || g.end == i
			i, gap = i+size, gap+1
			continue
		}
		if !isGap(fold(r)) || gap >= gapMax {
			break
		}
		g.joint = false
		i, gap = i+size, gap+1
	}
	u.behind = letterAfter(text, u.end)
}

func isGap(c rune) bool {
	return c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' || c == '/'
}

func foldBefore(text []byte, i int) rune {
	r, size := runeBefore(text, i)
	if fold(r) == '(' && i > size {
		r, _ = runeBefore(text, i-size)
	}
	return fold(r)
}

func letterBefore(text []byte, i int) bool {
	r, _ := runeBefore(text, i)
	return i > 0 && (unicode.IsLetter(r) || r == '_')
}

func letterAfter(text []byte, i int) bool {
	r, _ := runeAt(text, i)
	return i < len(text) && (unicode.IsLetter(r) || r == '_')
}

// find returns what is to be hidden in a run.
func (u *run) find(text []byte) []span {
	for i := 0; i < len(u.groups); {
		n := u.match(i)
		if n == 0 {
			i++
			continue
		}
		s := span{u.groups[i].start, u.groups[i+n-1].end}
		s.start = withPrefix(text, s.start)
		u.spans = append(u.spans, s)
		i += n
	}
	return u.spans
}

// withPrefix takes an opening parenthesis and a plus sign before a number along.
func withPrefix(text []byte, start int) int {
	for range 2 {
		if r, size := runeBefore(text, start); r == '(' || r == '+' {
			start -= size
		}
	}
	return start
}

// match says how many groups from one on are a number to hide, the longest if there are several; 0 if none.
func (u *run) match(i int) (longest int) {
	total := 0
	for n := 1; i+n <= len(u.groups); n++ {
		g := u.groups[i+n-1]
		if total += g.count; total > 19 {
			break
		}
		digits := u.digits[u.groups[i].first : g.first+g.count]
		if u.isSSN(i, n, digits) || u.isPhone(i, n, digits) || u.isCard(i, n, digits) {
			longest = n
		}
	}
	return longest
}

// touched says whether a letter touches a group.
func (u *run) touched(i int) bool {
	return i == 0 && u.before || i == len(u.groups)-1 && u.behind
}

// shape says whether groups have these lengths.
func (u *run) shape(i int, counts ...int) bool {
	for k, count := range counts {
		if u.groups[i+k].count != count {
			return false
		}
	}
	return true
}

func (u *run) isSSN(i, n int, digits []byte) bool {
	return len(digits) == ssnDigits && (n == 1 && !u.touched(i) || n == 3 && u.shape(i, 3, 2, 4))
}

func (u *run) isPhone(i, n int, digits []byte) bool {
	if i == 0 && u.plus && len(digits) >= 8 && len(digits) <= 15 {
		return true
	}
	national := digits
	if len(digits) == nationalDigits+1 && digits[0] == '1' {
		national = digits[1:]
	}
	if len(national) != nationalDigits || !isArea(national) {
		return false
	}
	if len(national) != len(digits) && u.groups[i].count == 1 {
		i, n = i+1, n-1
	}
	switch n {
	case 1:
		return !u.touched(i)
	case 2:
		return u.groups[i+1].count == 7 || u.groups[i+1].count == 4
	case 3:
		return u.groups[i+1].count == 3 && u.groups[i+2].count == 4
	}
	return false
}

func (u *run) isCard(i, n int, digits []byte) bool {
	if len(digits) < 13 || n == 1 && u.touched(i) || !luhn(digits) {
		return false
	}
	for _, g := range u.groups[i : i+n] {
		if n > 1 && (g.count < 2 || g.count > 6) {
			return false
		}
	}
	return true
}

// luhn checks the last digit of a card number.
func luhn(digits []byte) bool {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
