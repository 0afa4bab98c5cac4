package native

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"firehose/internal/enrich"
	"firehose/internal/filter"
	"firehose/internal/mask"
)

// Filter says which events are delivered. Of the parts that are given all must pass.
type Filter struct {
	Include     []Clause        `key:"include" help:"Clauses, of which one must hold."`
	IncludeOnly *IncludeOnly    `key:"include_only" help:"A list each by event type, outcome and metadata; of each that is given one line must hold."`
	Expression  string          `key:"expression" help:"CEL over the event, such as event.metadata.price > 20."`
	Rules       *filter.RuleSet `key:"rules" help:"Rules of op, lhv and rhv as LeadConduit has them, joined by and or or."`
	Missing     string          `key:"missing" default:"no_match" allowed:"no_match|skip" help:"What a comparison with a field that is missing does: it fails, or it is left out."`
	TypeField   string          `key:"type_field" help:"Path of the event type; left out it is event_type, or type in events without it."`
}

// Clause holds if all that it has holds.
type Clause struct {
	Types   []string `key:"types" help:"One of these event types; * is any run of characters."`
	Outcome []string `key:"outcome" help:"One of these outcomes."`
	Where   []string `key:"where" help:"All of these conditions, such as metadata.price > 20."`
}

// IncludeOnly has a list by each of the three things that are asked for most.
type IncludeOnly struct {
	EventType []string `key:"event_type" help:"Event types; * is any run of characters."`
	Outcome   []string `key:"outcome" help:"Outcomes, or lines such as: Events where outcome = \"success\"."`
	Metadata  []string `key:"metadata" help:"Conditions, or lines such as: Events where metadata.price > 20."`
}

// compile makes the filter's own configuration of it.
func (f *Filter) compile() *filter.Config {
	if f == nil {
		return nil
	}
	c := &filter.Config{IncludeOnly: (*filter.IncludeOnly)(f.IncludeOnly), Expression: f.Expression, Rules: f.Rules, Missing: f.Missing, TypeField: f.TypeField}
	for _, clause := range f.Include {
		c.Include = append(c.Include, filter.Clause(clause))
	}
	return c
}

// validate lets the filter say what is wrong with it.
func (f *Filter) validate(path string, problems *Problems) {
	if f == nil {
		return
	}
	_, err := filter.Compile(*f.compile())
	for _, one := range parts(err) {
		var known *filter.Error
		if !errors.As(one, &known) {
			problems.add(path, "", "%s", one)
			continue
		}
		message := known.Problem
		if known.Offset >= 0 {
			message = fmt.Sprintf("at character %d: %s", known.Offset+1, known.Problem)
		}
		problems.add(join(path, known.Path), known.Text, "%s", message)
	}
}

// parts returns the errors that one joins.
func parts(err error) []error {
	var several interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &several):
		return several.Unwrap()
	}
	return []error{err}
}

// Enrich says what is added to events.
type Enrich struct {
	Path       string            `key:"path" default:"enrichment" help:"Path of the object that it is added as."`
	Metadata   bool              `key:"metadata" default:"true" help:"Adds the stream's metadata: the flow's name and version, the account's plan, whatever the document has there."`
	Tags       map[string]string `key:"tags" help:"Names and texts that are added under tags."`
	Processing bool              `key:"processing" default:"false" help:"Adds stored_at, when the event was durable, and queue_ms, how long it waited for this destination, under processing."`
	Lookups    []Lookup          `key:"lookups" help:"Tables from which an event gets the row of its key; each is held in memory, so it may have 64MiB and 1,000,000 rows."`
}

// compile makes the enrichment's own configuration of it, but for what resolve adds.
func (e *Enrich) compile(metadata map[string]any) *enrich.Config {
	if e == nil {
		return nil
	}
	c := &enrich.Config{Path: e.Path, Tags: e.Tags, Processing: e.Processing}
	if e.Metadata {
		c.Metadata = metadata
	}
	return c
}

// resolve returns the configuration with the lookups.
func (e *Enrich) resolve(declared *enrich.Config, r References) (*enrich.Config, error) {
	if e == nil {
		return nil, nil
	}
	c := *declared
	for _, l := range e.Lookups {
		file, err := r.table(l.File)
		if err != nil {
			return nil, fmt.Errorf("lookup %s: %w", l.Name, err)
		}
		made := enrich.Lookup{Name: l.Name, Key: l.Key, File: file, URL: l.URL, Format: l.Format, Column: l.Column,
			Refresh: enrich.Duration(l.Refresh), Miss: l.Miss, Headers: map[string]string{}}
		for name, value := range l.Headers {
			expanded, err := r.expand(string(value))
			if err != nil {
				return nil, fmt.Errorf("lookup %s: header %s: %w", l.Name, name, err)
			}
			made.Headers[name] = expanded.Reveal()
		}
		c.Lookups = append(c.Lookups, made)
	}
	return &c, nil
}

// validate lets the enrichment say what is wrong with it.
func (e *Enrich) validate(path string, metadata map[string]any, problems *Problems) {
	if e == nil {
		return
	}
	for i, l := range e.Lookups {
		checkHeaders(fmt.Sprintf("%s.lookups[%d].headers", path, i), l.Headers, problems)
	}
	c, err := e.resolve(e.compile(metadata), anything)
	if err == nil {
		_, err = enrich.Compile(*c, enrich.Options{Client: http.DefaultClient}) // which asks nobody yet
	}
	if err != nil {
		problems.add(path, "", "is wrong: %s", err)
	}
}

// anything resolves every reference, for checks that need no credentials.
var anything = References{Tables: ".", Variable: func(string) (string, bool) { return "sixteen bytes at least", true }}

// Lookup is a table.
type Lookup struct {
	Name    string            `key:"name" required:"true" help:"Name of the member that becomes the row."`
	Key     string            `key:"key" required:"true" form:"path" help:"Path of the event's field that is looked for."`
	File    string            `key:"file" help:"File of the table, below the folder that the server keeps tables in (lookups.dir)."`
	URL     string            `key:"url" form:"url" help:"Address of the table."`
	Headers map[string]Header `key:"headers" help:"Headers of the request for it."`
	Format  string            `key:"format" allowed:"csv|json|ndjson" help:"Left out it follows from the file's name, and is json for an address."`
	Column  string            `key:"column" help:"Column of the table that is compared; left out it is the first of a csv, and id otherwise."`
	Refresh time.Duration     `key:"refresh" min:"0s" help:"Time from one look for changes to the next; left out 10s for a file and 5m for an address."`
	Miss    string            `key:"miss" default:"null" allowed:"null|omit|reject" help:"What becomes of an event without a row: null in its place, nothing, or the error output."`
}

// Mask says which fields are masked.
type Mask struct {
	Rules []MaskRule `key:"rules" required:"true" help:"Fields and what of them shows."`
	Key   Secret     `key:"key" help:"Key of hashes, at least 16 bytes."`
	KeyID string     `key:"key_id" help:"Name of the key that stands before each hash, so that hashes of an old key are not taken for those of a new one."`
}

// MaskRule masks one field.
type MaskRule struct {
	Path   string `key:"path" required:"true" help:"Path of the field, such as lead_data.email or contacts[*].email; * with the kind pattern is every text."`
	Kind   string `key:"kind" required:"true" allowed:"ssn:last4|email:partial|phone:area|name:first_letter|dob:year|ip:net|credential|all|redact|hash|hash:email|hash:phone|hash:ssn|hash:text|drop|pattern" help:"What the value is and what of it shows."`
	Domain string `key:"domain" allowed:"keep" help:"Keeps the domain of email:partial."`
}

// compile makes rules of it.
func (m *Mask) compile() (rules []mask.Rule) {
	if m == nil {
		return nil
	}
	for _, rule := range m.Rules {
		rules = append(rules, mask.Rule(rule))
	}
	return rules
}

// key returns the key of the rules that hash.
func (m *Mask) key(r References) (key mask.Key, err error) {
	if m == nil || m.Key == "" {
		return key, nil
	}
	secret, err := r.secret(m.Key)
	if err != nil {
		return key, fmt.Errorf("key of masks: %w", err)
	}
	return mask.Key{ID: m.KeyID, Secret: []byte(secret.Reveal())}, nil
}

// validate lets the masks say what is wrong with them. Which key they get is not known here.
func (m *Mask) validate(path string, problems *Problems) {
	if m == nil {
		return
	}
	known := *m
	if known.Key != "" {
		known.Key = "${KEY}"
	}
	if len(m.Rules) == 0 {
		problems.add(path+".rules", "", "is empty; want at least one rule, or no mask at all")
		return
	}
	key, err := known.key(anything)
	if err == nil {
		_, err = mask.Compile(known.compile(), key)
	}
	if err != nil {
		problems.add(path+".rules", "", "is wrong: %s", err)
	}
}
