package jsonscan

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Paths is a compiled set of member paths. It does not change, so any number of goroutines may scan with it.
type Paths struct {
	root     *node
	count    int
	replaced bool // a name holds U+FFFD, which is also what a wrong byte in a document reads as
}

// node is a place in a document that a path leads to or through.
type node struct {
	name     string
	children []*node
	ends     []int // the paths that end here
	below    []int // the paths that end here or deeper
}

// Compile compiles paths, each a list of member names from the outside in. The empty path is the whole document.
func Compile(paths ...[]string) *Paths {
	p := &Paths{root: &node{}, count: len(paths)}
	for i, path := range paths {
		at := p.root
		at.below = append(at.below, i)
		for _, name := range path {
			name = strings.ToValidUTF8(name, string(utf8.RuneError))
			p.replaced = p.replaced || strings.ContainsRune(name, utf8.RuneError)
			next := at.child([]byte(name))
			if next == nil {
				next = &node{name: name}
				at.children = append(at.children, next)
			}
			at = next
			at.below = append(at.below, i)
		}
		at.ends = append(at.ends, i)
	}
	return p
}

// Dotted splits a path as people write it: device.type. A name that holds a dot itself cannot be written so.
func Dotted(path string) []string { return strings.Split(path, ".") }

func (n *node) child(name []byte) *node {
	for _, c := range n.children {
		if string(name) == c.name {
			return c
		}
	}
	return nil
}

// member returns the node of the member with a name that is spelled like this between its quotes, or nil.
func (p *Paths) member(n *node, spelled []byte, escaped bool) *node {
	if !escaped {
		if c := n.child(spelled); c != nil || !p.replaced {
			return c
		}
	}
	var short [64]byte
	return n.child(appendUnquoted(short[:0], spelled))
}

// AppendText appends what a JSON string reads as. The string must come from a document that was scanned.
func AppendText(dst, quoted []byte) []byte {
	return appendUnquoted(dst, quoted[1:len(quoted)-1])
}

func appendUnquoted(dst, spelled []byte) []byte {
	for {
		i := bytes.IndexByte(spelled, '\\')
		if i < 0 {
			return appendValid(dst, spelled)
		}
		dst = appendValid(dst, spelled[:i])
		switch c := spelled[i+1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			var r rune
			r, spelled = codePoint(spelled[i+2:])
			dst = utf8.AppendRune(dst, r)
			continue
		default: // " \ /
			dst = append(dst, c)
		}
		spelled = spelled[i+2:]
	}
}

func appendValid(dst, text []byte) []byte {
	if utf8.Valid(text) {
		return append(dst, text...)
	}
	for _, r := range string(text) { // gives U+FFFD for each wrong byte
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// codePoint reads the digits after \u, and the second half of a surrogate pair. A half without its other is U+FFFD,
// which is also what AppendRune makes of it.
func codePoint(text []byte) (rune, []byte) {
	r := hex4(text)
	text = text[4:]
	if r >= 0xd800 && r < 0xdc00 && len(text) >= 6 && text[0] == '\\' && text[1] == 'u' {
		if low := hex4(text[2:]); low >= 0xdc00 && low < 0xe000 {
			return (r-0xd800)<<10 + (low - 0xdc00) + 0x10000, text[6:]
		}
	}
	return r, text
}

func hex4(text []byte) (r rune) {
	for _, c := range text[:4] {
		switch {
		case c <= '9':
			c -= '0'
		case c <= 'F':
			c -= 'A' - 10
		default:
			c -= 'a' - 10
		}
		r = r<<4 | rune(c)
	}
	return r
}
