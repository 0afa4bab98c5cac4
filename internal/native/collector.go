package native

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"firehose/internal/config"
)

// Collector lets web pages send events without credentials. A write key is no secret: whoever reads the page has it. What the
// stream is protected by are the limits, and that only what is listed here is taken.
type Collector struct {
	WriteKeys     []string          `key:"write_keys" required:"true" help:"Public keys, one of which a page sends as ?k=KEY or X-Write-Key; while they are rotated, the new one and the old ones."`
	Origins       []string          `key:"origins" required:"true" help:"Where pages may be that send, such as https://shop.example.com, https://*.example.com, http://localhost:* or * for anywhere."`
	Fields        map[string]string `key:"fields" required:"true" help:"Fields of the event, and where each comes from: query.NAME, body.NAME, header.NAME, client.address or server.time; or several with | between them, the first of which that is given counts."`
	Types         map[string]string `key:"types" help:"Type of a field: text, number, bool, object, list or any; left out it is any for what comes from the body, and text for all else."`
	Required      []string          `key:"required" help:"Fields without which an event is refused."`
	IgnoreUnknown bool              `key:"ignore_unknown" default:"false" help:"Passes over query parameters and members of the body that no field comes from, instead of refusing the event."`
	Strict        bool              `key:"strict" default:"false" help:"Answers a GET that is refused with an error instead of the pixel."`
	BodySize      config.Bytes      `key:"body_size" default:"16KiB" min:"1B" max:"256KiB" help:"Largest body."`
	TextSize      config.Bytes      `key:"text_size" default:"2KiB" min:"1B" max:"64KiB" help:"Longest text of a field; a longer one is refused, or cut if it is that of a header."`
	Rate          CollectorRate     `key:"rate" help:"Events a second; five seconds' worth may come at once."`
}

// CollectorRate bounds how fast events come.
type CollectorRate struct {
	Address int `key:"address" default:"10" min:"1" max:"100000" help:"From one client address."`
	Total   int `key:"total" default:"1000" min:"1" max:"1000000" help:"From all of them."`
}

var (
	writeKey        = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)
	collectorOrigin = regexp.MustCompile(`^(\*|https?://(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:([0-9]{1,5}|\*))?)$`)
	collectorField  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`)
	collectorSource = regexp.MustCompile(`^(client\.address|server\.time|(query|body|header)\.[A-Za-z_][A-Za-z0-9_-]{0,63})$`)
)

// collectorTypes are the types of fields: those that what is no JSON can have come first.
var collectorTypes = []string{"text", "number", "bool", "object", "list", "any"}

// WriteKeyParameter is the parameter of a query that holds the write key.
const WriteKeyParameter = "k"

// Sources returns where a field comes from: the first that is given counts.
func (c *Collector) Sources(field string) []string {
	sources := strings.Split(c.Fields[field], "|")
	for i, s := range sources {
		sources[i] = strings.TrimSpace(s)
	}
	return sources
}

// fromBody says whether a field comes from the body alone.
func (c *Collector) fromBody(field string) bool {
	return !slices.ContainsFunc(c.Sources(field), func(s string) bool { return !strings.HasPrefix(s, "body.") })
}

// Type returns the type of a field.
func (c *Collector) Type(field string) string {
	switch given := c.Types[field]; {
	case given != "":
		return given
	case c.fromBody(field):
		return "any"
	}
	return "text"
}

func (c *Collector) validate(problems *Problems) {
	const at = "collector."
	if c == nil {
		return
	}
	each := func(key string, values []string, form *regexp.Regexp, want string) {
		if len(values) == 0 {
			problems.add(at+key, "", "is empty; want %s", want)
		}
		for i, v := range values {
			if !form.MatchString(v) {
				problems.add(fmt.Sprintf("%s%s[%d]", at, key, i), v, "is wrong; want %s", want)
			}
		}
	}
	each("write_keys", c.WriteKeys, writeKey, "8 to 64 letters, digits, underscores and hyphens")
	each("origins", c.Origins, collectorOrigin, "an origin such as https://shop.example.com, https://*.example.com or http://localhost:*, or *")
	if len(c.Fields) == 0 {
		problems.add(at+"fields", "", "is empty; want at least one field")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Fields)) {
		c.validateField(name, at+"fields["+name+"]", problems)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Types)) {
		c.validateType(name, at+"types["+name+"]", problems)
	}
	for i, name := range c.Required {
		if _, ok := c.Fields[name]; !ok {
			problems.add(fmt.Sprintf("%srequired[%d]", at, i), name, "is none of the fields")
		}
	}
}

func (c *Collector) validateField(name, path string, problems *Problems) {
	if !collectorField.MatchString(name) {
		problems.add(path, name, "is no name of a field; want 1 to 64 letters, digits, underscores and hyphens")
	}
	for _, source := range c.Sources(name) {
		switch kind, key, _ := strings.Cut(source, "."); {
		case !collectorSource.MatchString(source):
			problems.add(path, source, "is wrong; want query.NAME, body.NAME, header.NAME, client.address or server.time")
		case kind == "query" && key == WriteKeyParameter:
			problems.add(path, source, "is the write key; want another name")
		case kind == "header" && credential.MatchString(key):
			problems.add(path, source, "holds a credential, which is not collected")
		}
	}
}

func (c *Collector) validateType(name, path string, problems *Problems) {
	_, known := c.Fields[name]
	switch kind := c.Types[name]; {
	case !known:
		problems.add(path, name, "is none of the fields")
	case !slices.Contains(collectorTypes, kind):
		problems.add(path, kind, "is wrong; want one of %s", strings.Join(collectorTypes, ", "))
	case !c.fromBody(name) && !slices.Contains(collectorTypes[:3], kind):
		problems.add(path, kind, "is for what comes from the body alone; want one of %s", strings.Join(collectorTypes[:3], ", "))
	}
}
