package collect

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"firehose/internal/native"
	"firehose/internal/record"
	"firehose/internal/stream"
)

// collector is what a stream's document declares, ready for use.
type collector struct {
	key      stream.Key
	id       record.StreamID
	version  int              // of the document
	declared native.Collector // zero if the document declares none
	origins  *regexp.Regexp
	anywhere bool
	fields   []field // sorted by name
	limits   *limits

	query, body           map[string]bool // names that a field comes from
	queryNames, bodyNames string          // the same in words
}

// collectors are those of the streams that were asked for, by the document's version.
type collectors struct {
	mu    sync.Mutex
	known map[stream.Key]*collector
}

// find returns the collector of a path's stream that has a write key, or nil. Streams of one name in several accounts are told
// apart by it.
func (d *Door) find(path, writeKey string) *collector {
	for _, c := range d.named(nameIn(path)) {
		if c.has(writeKey) {
			return c
		}
	}
	return nil
}

// named returns the collectors of the streams of a name.
func (d *Door) named(name string) (list []*collector) {
	for _, key := range d.streams.Find(name) {
		if c := d.collector(key); c != nil && len(c.fields) > 0 {
			list = append(list, c)
		}
	}
	return list
}

// collector returns a stream's collector as its document is now, or nil if the stream is gone.
func (d *Door) collector(key stream.Key) *collector {
	s, err := d.streams.Get(key)
	d.collectors.mu.Lock()
	defer d.collectors.mu.Unlock()
	if err != nil {
		delete(d.collectors.known, key)
		return nil
	}
	c := d.collectors.known[key]
	if c != nil && c.id == s.ID && c.version == s.Version {
		return c
	}
	fresh := compile(&s)
	if c != nil && c.id == s.ID && c.declared.Rate == fresh.declared.Rate {
		fresh.limits = c.limits // a change of the document is no new chance
	}
	d.collectors.known[key] = fresh
	return fresh
}

// compile makes a collector of a stream's document.
func compile(s *stream.Stream) *collector {
	c := &collector{key: s.Key, id: s.ID, version: s.Version, query: map[string]bool{native.WriteKeyParameter: true}, body: map[string]bool{}}
	if s.Language != native.Language {
		return c
	}
	document, _, err := native.Stored(s.Document())
	if err != nil || document.Collector == nil { // what is stored was checked; a stream that runs all the same has no collector
		return c
	}
	c.declared = *document.Collector
	c.origins, c.anywhere = compileOrigins(c.declared.Origins)
	c.limits = newLimits(c.declared.Rate)
	for _, name := range slices.Sorted(maps.Keys(c.declared.Fields)) {
		f := field{name: name, kind: c.declared.Type(name), required: slices.Contains(c.declared.Required, name)}
		for _, text := range c.declared.Sources(name) {
			kind, key, _ := strings.Cut(text, ".")
			f.from = append(f.from, source{kind, key})
			switch kind {
			case "query":
				c.query[key] = true
			case "body":
				c.body[key] = true
			}
		}
		c.fields = append(c.fields, f)
	}
	c.queryNames, c.bodyNames = inWords(c.query), inWords(c.body)
	return c
}

func inWords(names map[string]bool) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(names)), ", ")
}

// has says whether a write key is one of the collector's.
func (c *collector) has(writeKey string) bool { return slices.Contains(c.declared.WriteKeys, writeKey) }
