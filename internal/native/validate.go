package native

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"firehose/internal/eventkey"
	"firehose/internal/objectkey"
)

// validate finds what the types alone do not say.
func (d *Document) validate() (problems Problems) {
	if len(d.Destinations) == 0 {
		problems.add("destinations", "", "is empty; want at least one destination")
	}
	d.Collector.validate(&problems)
	seen := map[string]bool{}
	for i := range d.Destinations {
		to, path := &d.Destinations[i], fmt.Sprintf("destinations[%d]", i)
		if seen[to.ID] {
			problems.add(path+".id", to.ID, "is that of another destination; want a name of its own")
		}
		seen[to.ID] = true
		to.validate(path, &problems)
		to.Enrich.validate(path+".enrich", d.Metadata, &problems)
		to.Mask.validate(path+".mask", &problems)
	}
	return problems
}

// sections returns the destination's sections by type.
func (d *Destination) sections() map[string]bool {
	return map[string]bool{"s3": d.S3 != nil, "webhook": d.Webhook != nil, "http_endpoint": d.HTTPEndpoint != nil}
}

func (d *Destination) validate(path string, problems *Problems) {
	if strings.ContainsRune(d.Start, 'T') {
		if _, err := time.Parse(time.RFC3339Nano, d.Start); err != nil {
			problems.add(path+".start", d.Start, "is no time of the calendar")
		}
	}
	for _, kind := range []string{"s3", "webhook", "http_endpoint"} {
		switch given := d.sections()[kind]; {
		case given && kind != d.Type:
			problems.add(path+"."+kind, "", "is of another kind; the type is %s", d.Type)
		case !given && kind == d.Type:
			problems.add(path+"."+kind, "", "is missing; the type says that it is given")
		}
	}
	if d.S3 != nil {
		d.S3.validate(path+".s3", problems)
	}
	if d.Webhook != nil {
		d.Webhook.validate(path+".webhook", problems)
	}
	if d.Errors != nil {
		checkTemplate(path+".errors.key", d.Errors.Key, errorFields, problems)
		if !templateHas(d.Errors.Key, "error_type") {
			problems.add(path+".errors.key", d.Errors.Key, "has no {{error_type}}, which tells the kinds of errors apart")
		}
		if d.Errors.Bucket == "" {
			problems.add(path+".errors.bucket", "", "is missing; only an S3 destination has a bucket to take its place")
		}
	}
	switch {
	case d.RetryFor == 0:
	case d.S3 != nil:
		problems.add(path+".retry_for", d.RetryFor.String(), "is for webhook and http_endpoint; a bucket is waited for without end")
	case d.Errors == nil:
		problems.add(path+".retry_for", d.RetryFor.String(), "needs errors with a bucket, where events go after it")
	}
	d.Filter.validate(path+".filter", problems)
	d.Format.validate(path+".format", d.Type, problems)
}

func (s *S3) validate(path string, problems *Problems) {
	if _, err := eventkey.Compile(eventkey.Config{Folder: s.Key}); err != nil {
		problems.add(path+".key", s.Key, "is wrong: %s", err)
	} else if _, err := eventkey.Compile(eventkey.Config{Folder: s.Key, File: s.File}); err != nil {
		problems.add(path+".file", s.File, "is wrong: %s", err)
	}
	if strings.Contains(s.Key, "!{") {
		problems.add(path+".key", s.Key, "has an expression of Amazon's prefixes; a field is written as {{year}}")
	}
	if _, err := objectkey.ParseZone(s.TimeZone); err != nil {
		problems.add(path+".time_zone", s.TimeZone, "is wrong; want a name such as UTC or Europe/Berlin")
	}
}

var (
	headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
	reference  = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)
	credential = regexp.MustCompile(`(?i)(^cookie|auth(orization)?|key|token|secret|password|passwd|passphrase|credentials?|jwt|(signature|hmac)(-v?[0-9]+|-sha-?[0-9]+)?)$`)
)

// reserved headers are the sender's.
var reserved = []string{"host", "content-length", "content-encoding", "transfer-encoding", "connection", "webhook-id", "webhook-timestamp", "webhook-signature"}

func (w *Webhook) validate(path string, problems *Problems) {
	checkHeaders(path+".headers", w.Headers, problems)
	if len(w.Secrets) > 2 {
		problems.add(path+".secrets", "", "has %d entries; want at most two, the new one and the old one", len(w.Secrets))
	}
}

// checkHeaders finds what is wrong with headers, a literal credential included.
func checkHeaders(path string, headers map[string]Header, problems *Problems) {
	known := map[string]string{} // as they are given, by what they are to HTTP
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		value, at, small := string(headers[name]), path+"["+name+"]", strings.ToLower(name)
		switch other := known[small]; {
		case !headerName.MatchString(name):
			problems.add(at, name, "is no name of a header")
		case other != "":
			problems.add(at, name, "is the same header as %s, since capital letters make no difference; leave out one of them", other)
		case slices.Contains(reserved, small):
			problems.add(at, name, "is set by the sender; leave it out")
		case strings.ContainsAny(value, "\r\n\x00"):
			problems.add(at, "", "has a line end; want one line")
		case strings.Contains(reference.ReplaceAllString(value, ""), "${"):
			problems.add(at, "", "has ${ that begins no reference; want one such as ${WEBHOOK_TOKEN}. A $ without { stands for itself, and a value that has ${ in it can be that of a variable")
		case credential.MatchString(name) && !reference.MatchString(value):
			problems.add(at, "", "holds a credential; want a reference such as ${WEBHOOK_TOKEN} to a variable of the server's environment")
		}
		known[small] = name
	}
}

// bodiesOf are the formats of a type of destination.
func bodiesOf(kind string) []string {
	switch kind {
	case "webhook":
		return []string{"ndjson", "json_array", "cloudevents", "csv"}
	case "http_endpoint":
		return []string{"raw"} // the protocol has a body of its own, with the events as they are
	}
	return []string{"ndjson", "json_array", "cloudevents", "csv", "raw"}
}

func (f *Format) validate(path, kind string, problems *Problems) {
	if !slices.Contains(bodiesOf(kind), f.Type) {
		problems.add(path+".type", f.Type, "is not for a destination of type %s; want one of %s", kind, strings.Join(bodiesOf(kind), ", "))
	}
	switch {
	case f.Type == "csv" && len(f.Columns) == 0:
		problems.add(path+".columns", "", "is missing; csv needs its columns, such as [event_id, lead_data.state]")
	case f.Type != "csv" && len(f.Columns) > 0:
		problems.add(path+".columns", "", "is for csv only; the type is %s", f.Type)
	}
	for i, column := range f.Columns {
		if !textForms["path"].matches(column) {
			problems.add(fmt.Sprintf("%s.columns[%d]", path, i), column, "is wrong; want %s", textForms["path"].want)
		}
	}
	if f.Metadata && (f.Type == "csv" || f.Type == "raw") {
		problems.add(path+".metadata", "true", "is for events that are JSON; the type is %s", f.Type)
	}
	switch zipped := []string{"none", "gzip"}; {
	case kind == "http_endpoint" && !slices.Contains(zipped, f.Compression), kind == "webhook" && f.Compression == "zip":
		problems.add(path+".compression", f.Compression, "is not for a destination of type %s", kind)
	}
}
