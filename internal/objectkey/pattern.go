package objectkey

import (
	"strings"
	"time"
	"unicode/utf8"
)

// element appends its part of a timestamp; t is in the zone.
type element func(dst []byte, t time.Time) []byte

type elements []element

// segment is a timestamp as part of a prefix.
func (es elements) segment(dst []byte, v *Values) []byte {
	for _, e := range es {
		dst = e(dst, v.Time)
	}
	return dst
}

// parsePattern compiles a pattern of DateTimeFormatter.ofPattern: runs of letters are fields, quotes hold literal text,
// p pads the field after it, all else is literal. Brackets mark optional sections, which a time with a zone always has.
// It refuses what ofPattern refuses, and padding that is too narrow for its field.
func parsePattern(text string, z zone) (elements, bool) {
	p := patternParser{text: text, zone: z}
	for p.pos < len(p.text) {
		if !p.next() {
			return nil, false
		}
	}
	return p.out, true
}

type patternParser struct {
	text     string
	zone     zone
	pos      int
	out      elements
	sections int  // open brackets
	padding  bool // a padded field of digits stands directly before
}

// next reads one thing of the pattern.
func (p *patternParser) next() bool {
	c := p.text[p.pos]
	switch {
	case c == 'p':
		return p.padded()
	case isLetter(c):
		return p.field(0)
	case c == '\'':
		return p.quoted()
	case c == '[':
		p.sections++
	case c == ']':
		p.sections--
	case c == '{' || c == '}' || c == '#':
		return false
	default:
		p.add(func(dst []byte, _ time.Time) []byte { return append(dst, c) })
	}
	p.pos++
	p.padding = false
	return p.sections >= 0
}

func (p *patternParser) add(e element) { p.out = append(p.out, e) }

// letters counts how often the letter at the position stands there, and goes past them.
func (p *patternParser) letters() (letter byte, count int) {
	letter = p.text[p.pos]
	rest := strings.TrimLeft(p.text[p.pos:], string(letter))
	count = len(p.text) - p.pos - len(rest)
	p.pos += count
	return letter, count
}

// padded reads letters p and the field they pad, their number being the width.
func (p *patternParser) padded() bool {
	_, width := p.letters()
	return p.pos < len(p.text) && isLetter(p.text[p.pos]) && p.field(width)
}

// field reads a run of one letter. A width other than zero pads it.
func (p *patternParser) field(width int) bool {
	letter, count := p.letters()
	f, ok := fieldOf(letter, count, p.zone)
	if !ok {
		return false
	}
	e := f.print
	if width > 0 {
		e = pad(e, width)
		if utf8.RuneCount(e(nil, sampleTime.In(p.zone.location))) > width {
			return false
		}
	}
	// Java binds a field of digits to one directly before it, unless it is padded itself, and cannot bind it to a padded one.
	if f.digits && p.padding && width == 0 {
		return false
	}
	p.padding = f.digits && width > 0
	p.add(e)
	return true
}

// quoted reads text in quotes; two quotes stand for one.
func (p *patternParser) quoted() bool {
	var text []byte
	for i := p.pos + 1; i < len(p.text); i++ {
		if p.text[i] != '\'' {
			text = append(text, p.text[i])
			continue
		}
		if i+1 < len(p.text) && p.text[i+1] == '\'' {
			text = append(text, '\'')
			i++
			continue
		}
		if len(text) == 0 {
			text = []byte{'\''}
		}
		p.pos = i + 1
		p.padding = false
		p.add(func(dst []byte, _ time.Time) []byte { return append(dst, text...) })
		return true
	}
	return false
}

// pad fills a field with spaces from the left. One that is longer than the width stays whole.
func pad(e element, width int) element {
	return func(dst []byte, t time.Time) []byte {
		text := e(nil, t)
		for n := utf8.RuneCount(text); n < width; n++ {
			dst = append(dst, ' ')
		}
		return append(dst, text...)
	}
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
