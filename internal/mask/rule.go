package mask

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Rule says what is masked, and how.
type Rule struct {
	// Path leads to the values from the event's root: lead_data.email. [*] may stand where an array is expected:
	// contacts[*].email. A rule of a deeper path goes before one of a path that it begins with. Only the kind pattern
	// knows the path *, which is every string of the event that no other rule masks.
	Path string `json:"path"`
	// Kind is what the value is and what of it shows; see Kinds.
	Kind string `json:"kind"`
	// Domain may be "keep" for email:partial, whose domain then shows.
	Domain string `json:"domain,omitempty"`
}

// Key is the secret of the kind hash. Equal values have equal hashes under one key; nobody without the key can find a
// value by trying.
type Key struct {
	// ID names the key in front of each hash, so that hashes of an old key are not taken for those of a new one. A
	// stream's first key may have none.
	ID     string
	Secret []byte // at least 16 bytes
}

const keySecretMin = 16

var keyID = regexp.MustCompile(`^[A-Za-z0-9_.-]{0,32}$`)

// Masks is a compiled set of rules. It does not change; each goroutine makes a Masker of its own.
type Masks struct {
	root  *node
	rules []*rule // sorted by path
	key   Key
}

type rule struct {
	path  string // as it was written
	index int    // in Masks.rules
	kind
}

// node is a place in an event that a path leads to or through.
type node struct {
	name     string
	children []*node
	rule     *rule // of the path that ends here, or nil
}

func (n *node) child(name []byte) *node {
	for _, c := range n.children {
		if string(name) == c.name {
			return c
		}
	}
	return nil
}

// Compile compiles rules. The key is needed for the kind hash only. Errors name the rule, its path, the value at fault and
// what is allowed.
func Compile(rules []Rule, key Key) (*Masks, error) {
	m := &Masks{root: &node{}, key: key}
	for i, r := range rules {
		if err := m.add(r); err != nil {
			return nil, fmt.Errorf("mask %d (path %q): %w", i+1, r.Path, err)
		}
	}
	if err := unreachable(m.root, nil); err != nil {
		return nil, err
	}
	slices.SortFunc(m.rules, func(a, b *rule) int { return strings.Compare(a.path, b.path) })
	for i, r := range m.rules {
		r.index = i
	}
	return m, nil
}

func (m *Masks) add(r Rule) error {
	k, err := find(r)
	if err != nil {
		return err
	}
	if k.keyed {
		if err := m.key.check(); err != nil {
			return fmt.Errorf("kind %q: %w", r.Kind, err)
		}
	}
	names, err := split(r.Path)
	if err != nil {
		return err
	}
	if len(names) == 0 && !k.pattern {
		return fmt.Errorf("the path * is for the kind %q only; name the member that %q is for", kindPattern, r.Kind)
	}
	at := m.root
	for _, name := range names {
		next := at.child([]byte(name))
		if next == nil {
			next = &node{name: name}
			at.children = append(at.children, next)
		}
		at = next
	}
	if at.rule != nil {
		return fmt.Errorf("%s has the kind %q already; give each path one kind", at.rule.path, at.rule.name)
	}
	at.rule = &rule{path: r.Path, kind: k}
	m.rules = append(m.rules, at.rule)
	return nil
}

// unreachable refuses rules below one that leaves nothing to them.
func unreachable(n *node, drop *rule) error {
	if drop != nil && n.rule != nil {
		return fmt.Errorf("mask of path %q: it lies below %q, which is dropped; take one of the two away", n.rule.path, drop.path)
	}
	if n.rule != nil && n.rule.drop {
		drop = n.rule
	}
	for _, c := range n.children {
		if err := unreachable(c, drop); err != nil {
			return err
		}
	}
	return nil
}

// split returns the names of a path.
func split(path string) ([]string, error) {
	if path == "*" {
		return nil, nil
	}
	if path == "" {
		return nil, errors.New("the path is empty; write names with dots between them, such as lead_data.email")
	}
	if !utf8.ValidString(path) || strings.ContainsRune(path, utf8.RuneError) {
		return nil, errors.New("the path is not UTF-8")
	}
	names := strings.Split(path, ".")
	for i, name := range names {
		for strings.HasSuffix(name, "[*]") {
			name = strings.TrimSuffix(name, "[*]")
		}
		if name == "" || strings.ContainsAny(name, "[]*") {
			return nil, fmt.Errorf("%q is no name of a member; allowed are names with dots between them, each with [*] after it for any element of an array", names[i])
		}
		names[i] = name
	}
	return names, nil
}

func (k Key) check() error {
	if len(k.Secret) < keySecretMin {
		return fmt.Errorf("a key of at least %d bytes is needed, %d are given", keySecretMin, len(k.Secret))
	}
	if !keyID.MatchString(k.ID) {
		return fmt.Errorf("key id %q: allowed are at most 32 letters, digits, dots, hyphens and underscores", k.ID)
	}
	return nil
}
