package mask

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/text/unicode/norm"

	"firehose/internal/jsonscan"
)

// Masker applies masks for one goroutine.
type Masker struct {
	*Masks
	json   jsonscan.Walk
	event  []byte
	known  []jsonscan.Value // where values of the event's first members stand, as far as that is known
	out    []byte
	copied int // the bytes of the event before it are in out, or masked

	hits     []bool // by index of rule
	fields   []string
	unparsed int

	name, text, composed, mask []byte // scratch
	mac                        hash.Hash
	sum                        [sha256.Size]byte
	run                        run
}

// Done tells what was masked in an event.
type Done struct {
	// Fields are the paths, as rules write them, of which something was masked, sorted. The list is good until the next
	// call.
	Fields []string
	// Unparsed counts the values that were hidden whole because they were not what their mask expects.
	Unparsed int
}

// Masker returns a new Masker.
func (m *Masks) Masker() *Masker {
	k := &Masker{Masks: m, hits: make([]bool, len(m.rules))}
	if len(m.key.Secret) > 0 {
		k.mac = hmac.New(sha256.New, m.key.Secret)
	}
	return k
}

// place is what is known of where a value stands.
type place struct {
	node  *node  // from which paths go on, or nil
	rule  *rule  // which masks what is here, or nil
	below bool   // inside of an object that the rule masks
	shows shower // of a component that may stay, or nil
}

// Apply appends the masked event to dst, which must not share memory with the event. An event that is not one JSON
// object is an error, and nothing is appended.
func (m *Masker) Apply(dst, event []byte) ([]byte, Done, error) { return m.ApplyKnown(dst, event, nil) }

// ApplyKnown is Apply for an event of which jsonscan has noted where the values of its first members stand, or of all, and
// has checked them. Those that no rule is about are stepped over, and so it costs less.
func (m *Masker) ApplyKnown(dst, event []byte, members []jsonscan.Value) ([]byte, Done, error) {
	m.json.Reset(event)
	m.event, m.known, m.out, m.copied = event, members, dst, 0
	clear(m.hits)
	m.fields, m.unparsed = m.fields[:0], 0
	err := m.walk()
	out := append(m.out, event[m.copied:]...)
	m.event, m.known, m.out = nil, nil, nil
	if err != nil {
		return dst, Done{}, err
	}
	for i, hit := range m.hits {
		if hit {
			m.fields = append(m.fields, m.rules[i].path)
		}
	}
	return out, Done{Fields: m.fields, Unparsed: m.unparsed}, nil
}

func (m *Masker) walk() error {
	i := m.json.Space(0)
	if i < len(m.event) && m.event[i] != '{' {
		return fmt.Errorf("mask event: it is not a JSON object, at offset %d", i)
	}
	if i = m.value(i, 0, place{node: m.root, rule: m.root.rule}); i >= 0 {
		if i = m.json.Space(i); i == len(m.event) {
			return nil
		}
		i = ^i
	}
	return fmt.Errorf("mask event: it is not one JSON object, at offset %d", ^i)
}

// value walks a value. Like all that walk it returns offsets as jsonscan.Walk does.
func (m *Masker) value(i, depth int, at place) int {
	if i >= len(m.event) || at.node == nil && at.rule == nil {
		return m.json.Value(i, depth)
	}
	switch m.event[i] {
	case '{':
		return m.object(i, depth+1, at)
	case '[':
		return m.array(i, depth+1, at)
	}
	end := m.json.Value(i, depth)
	switch {
	case end < 0:
	case at.leadsOn() && m.holdsJSON(m.event[i:end]):
		m.hide(i, end, at.node)
	case at.rule != nil:
		m.scalar(i, end, at)
	}
	return end
}

// leadsOn says whether paths lead on from here, and nothing hides what is here.
func (p place) leadsOn() bool {
	return p.node != nil && len(p.node.children) > 0 && (p.rule == nil || p.rule.pattern)
}

// holdsJSON says whether a string reads as the beginning of an object, an array or another string.
func (m *Masker) holdsJSON(raw []byte) bool {
	if raw[0] != '"' {
		return false
	}
	text, _ := m.read(raw)
	text = trim(text)
	return len(text) > 0 && bytes.IndexByte([]byte(`{["`), text[0]) >= 0 && !bytes.HasPrefix(text, []byte(redacted))
}

// hide hides a value into which paths of rules lead that cannot be followed.
func (m *Masker) hide(start, end int, n *node) {
	m.unparsed++
	m.hitBelow(n)
	m.splice(start, end)
	m.out = append(append(append(m.out, '"'), stars...), '"')
}

func (m *Masker) hitBelow(n *node) {
	for _, c := range n.children {
		if c.rule != nil {
			m.hits[c.rule.index] = true
		}
		m.hitBelow(c)
	}
}

func (m *Masker) array(i, depth int, at place) int {
	if depth > jsonscan.DepthMax {
		return ^i
	}
	i = m.json.Space(i + 1)
	if i < len(m.event) && m.event[i] == ']' {
		return i + 1
	}
	for {
		if i = m.value(i, depth, at); i < 0 {
			return i
		}
		if i = m.json.Space(i); i >= len(m.event) || m.event[i] != ',' {
			return closed(m.event, i, ']')
		}
		i = m.json.Space(i + 1)
	}
}

// nextKnown returns where the value of the event's next member ends, if that is known of the value that begins at i.
func (m *Masker) nextKnown(i, depth int) (end int) {
	if depth != 1 || len(m.known) == 0 {
		return 0
	}
	v := m.known[0]
	m.known = m.known[1:]
	if v.Start != i {
		m.known = nil
		return 0
	}
	return v.End
}

func closed(event []byte, i int, with byte) int {
	if i < len(event) && event[i] == with {
		return i + 1
	}
	return ^i
}

// object walks an object. A member that is dropped goes with the comma before it, or the one behind if it is the first.
func (m *Masker) object(i, depth int, at place) int {
	if depth > jsonscan.DepthMax {
		return ^i
	}
	i = m.json.Space(i + 1)
	if i < len(m.event) && m.event[i] == '}' {
		return i + 1
	}
	kept := -1 // end of the last member that stays
	for {
		start := i
		end, escaped := m.json.Text(i)
		if end < 0 {
			return end
		}
		next := m.member(m.event[i:end], escaped, at)
		if i = m.json.Space(end); i >= len(m.event) || m.event[i] != ':' {
			return ^i
		}
		drop := next.rule != nil && next.rule.drop
		if drop {
			m.hits[next.rule.index] = true
			next = place{}
		}
		i = m.json.Space(i + 1)
		if known := m.nextKnown(i, depth); known > 0 && next.node == nil && next.rule == nil {
			i = known
		} else if i = m.value(i, depth, next); i < 0 {
			return i
		}
		switch {
		case !drop:
			kept = i
		case kept >= 0:
			m.splice(max(kept, m.copied), i)
		default:
			m.splice(start, i)
		}
		if i = m.json.Space(i); i >= len(m.event) || m.event[i] != ',' {
			return closed(m.event, i, '}')
		}
		i = m.json.Space(i + 1)
		if kept < 0 {
			m.copied = i
		}
	}
}

// splice leaves a part of the event out, and copies what is before it.
func (m *Masker) splice(start, end int) {
	m.out = append(m.out, m.event[m.copied:start]...)
	m.copied = end
}

// member returns the place of a member's value.
func (m *Masker) member(quoted []byte, escaped bool, at place) place {
	name := quoted[1 : len(quoted)-1]
	if escaped {
		m.name = jsonscan.AppendText(m.name[:0], quoted)
		name = m.name
	}
	if at.node != nil {
		if c := at.node.child(name); c != nil {
			return at.inside(c, name)
		}
		for {
			dot := bytes.IndexByte(name, '.')
			if dot < 0 || at.node == nil {
				break
			}
			at = at.inside(at.node.child(name[:dot]), name[:dot])
			name = name[dot+1:]
		}
		if at.node != nil {
			return at.inside(at.node.child(name), name)
		}
	}
	return at.inside(nil, name)
}

// inside returns the place of a member, to which a node belongs or none.
func (p place) inside(n *node, name []byte) place {
	if n != nil && n.rule != nil {
		return place{node: n, rule: n.rule}
	}
	next := place{node: n, rule: p.rule}
	if p.rule != nil && !p.rule.pattern {
		next.below = true
		if !p.below {
			next.shows = p.rule.parts[string(name)]
		}
	}
	return next
}

// scalar masks a value that is neither array nor object.
func (m *Masker) scalar(start, end int, at place) {
	raw := m.event[start:end]
	if raw[0] == 'n' || string(raw) == `""` {
		return
	}
	if at.rule.pattern {
		m.patterns(start, end, at.rule)
		return
	}
	m.hits[at.rule.index] = true
	if at.shows != nil && at.shows(raw) {
		return
	}
	text, plain := m.read(raw)
	m.splice(start, end)
	m.out = append(m.out, '"')
	from := len(m.out)
	if at.below || isBool(raw) || string(text) == stars {
		m.out = append(m.out, stars...)
	} else {
		ok := plain || at.rule.anything
		if ok {
			m.out, ok = at.rule.mask(m, m.out, text)
		}
		if !ok {
			m.unparsed++
			if !at.rule.anything {
				m.out = append(m.out[:from], at.rule.unparsed...)
			}
		}
	}
	m.out = append(m.out, '"')
}

// patterns masks parts of a string. In a number that a rule's own path leads to, too.
func (m *Masker) patterns(start, end int, r *rule) {
	raw := m.event[start:end]
	if raw[0] != '"' && (r.path == "*" || isBool(raw)) {
		return
	}
	text := raw
	if raw[0] == '"' {
		text = raw[1 : len(raw)-1]
		if bytes.IndexByte(text, '\\') >= 0 {
			m.text = jsonscan.AppendText(m.text[:0], raw)
			text = m.text
		}
	}
	masked, found := m.appendRedacted(m.mask[:0], text)
	m.mask = masked
	if !found {
		return
	}
	m.hits[r.index] = true
	m.splice(start, end)
	m.out, _ = jsontext.AppendQuote(m.out, masked) // its error is about wrong bytes, which it replaces
}

// read returns what a string reads as, composed, or a number. A number is plain if it is nothing but digits.
func (m *Masker) read(raw []byte) (text []byte, plain bool) {
	if raw[0] != '"' {
		return raw, allDigits(raw)
	}
	text = raw[1 : len(raw)-1]
	if isPlainASCII(text) {
		return text, true
	}
	m.text = jsonscan.AppendText(m.text[:0], raw)
	if !norm.NFC.IsNormal(m.text) {
		m.composed = norm.NFC.Append(m.composed[:0], m.text...)
		return m.composed, true
	}
	return m.text, true
}

// isPlainASCII says whether the inside of a string reads as it is spelled.
func isPlainASCII(text []byte) bool {
	for _, c := range text {
		if c >= 0x80 || c == '\\' {
			return false
		}
	}
	return true
}
