package native

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Parse reads the one document of a text. The error is Problems if the text is YAML or JSON at all.
func Parse(source []byte, form Form) (*Document, error) {
	documents, err := ParseAll(source, form)
	switch {
	case err != nil:
		return nil, err
	case len(documents) != 1:
		return nil, Problems{{Message: fmt.Sprintf("want one document, got %d", len(documents))}}
	}
	return documents[0], nil
}

// ParseAll reads the documents of a text; those of YAML are separated by lines of three hyphens.
func ParseAll(source []byte, form Form) ([]*Document, error) {
	trees, err := readTrees(source, form)
	if err != nil {
		return nil, Problems{{Message: err.Error()}}
	}
	var documents []*Document
	var problems Problems
	for i, t := range trees {
		d, found := parse(t)
		if name := t.get("name"); len(trees) > 1 {
			found = found.in(cmp.Or(textOf(name), fmt.Sprintf("document %d", i+1)))
		}
		documents = append(documents, d)
		problems = append(problems, found...)
	}
	return documents, problems.err()
}

// in says of problems in which of several documents they are.
func (ps Problems) in(document string) Problems {
	for i := range ps {
		ps[i].Message += " (in " + document + ")"
	}
	return ps
}

func textOf(t *tree) string {
	if t == nil {
		return ""
	}
	return t.text
}

// Parse reads a document that stands in a larger file; name stands for the document's name where it has none.
func (g Given) Parse() (*Document, error) {
	d, problems := parse(g.tree)
	return d, problems.err()
}

// WithName returns the document with a name if it has none, as when the address that it is put to says it.
func WithName(source []byte, form Form, name string) (*Document, error) {
	trees, err := readTrees(source, form)
	if err != nil {
		return nil, Problems{{Message: err.Error()}}
	}
	if len(trees) != 1 {
		return nil, Problems{{Message: fmt.Sprintf("want one document, got %d", len(trees))}}
	}
	t := trees[0]
	if t.kind == kindMapping && t.get("name") == nil {
		t = &tree{kind: kindMapping, keys: append([]string{"name"}, t.keys...), values: append([]*tree{{kind: kindText, text: name}}, t.values...)}
	}
	d, problems := parse(t)
	if problems == nil && d.Name != name {
		problems.add("name", d.Name, "is not the name in the address, %q", name)
	}
	return d, problems.err()
}

func parse(t *tree) (*Document, Problems) {
	var d Document
	var reader decoder
	reader.section(t, reflect.ValueOf(&d).Elem(), "")
	d.given = t
	if reader.problems == nil { // what is not even read would give problems that are none
		d.complete()
		reader.problems = d.validate()
	}
	return &d, reader.problems
}

// defaults gives a destination those of its type or preset.
func (d *Destination) defaults(given *tree) {
	if textOf(given.get("type")) == "webhook" {
		d.Batch = Batch{Size: 1 << 20, Count: 100, Wait: 30 * time.Second}
	}
	if b, ok := presets(textOf(given.get("preset"))); ok {
		d.Batch = b
	}
}

// idOf returns the name of a destination, which is its type where it has none of its own.
func idOf(d *Destination) string { return cmp.Or(d.ID, strings.ReplaceAll(d.Type, "_", "-")) }

// complete fills in the defaults that depend on other values.
func (d *Document) complete() {
	for i := range d.Destinations {
		to := &d.Destinations[i]
		to.ID = idOf(to)
		if to.Format.Type == "" {
			to.Format.Type = bodiesOf(to.Type)[0]
		}
		if to.Format.Compression == "" {
			to.Format.Compression = "none"
			if to.Type == "s3" {
				to.Format.Compression = "gzip"
			}
		}
		if to.Errors == nil && to.S3 != nil {
			to.Errors = &Errors{}
			setDefaults(reflect.ValueOf(to.Errors).Elem())
		}
		if to.Errors != nil && to.Errors.Bucket == "" && to.S3 != nil {
			to.Errors.Bucket = to.S3.Bucket
		}
	}
}

// Text returns the document as it was written, but for its comments.
func (d *Document) Text(form Form) ([]byte, error) { return d.given.write(form) }

// Stored returns the document as it was written, in the form in which it is kept.
func (d *Document) Stored() []byte { return d.given.json(nil) }

// Complete returns the document with all defaults filled in.
func (d *Document) Complete(form Form) ([]byte, error) { return d.full().write(form) }

func (d *Document) full() *tree { return encode(reflect.ValueOf(d).Elem()) }

// Equal says whether two documents mean the same.
func (d *Document) Equal(other *Document) bool {
	return bytes.Equal(d.full().json(nil), other.full().json(nil))
}

// Digest tells what the document means from what others mean.
func (d *Document) Digest() string {
	sum := sha256.Sum256(d.full().json(nil))
	return hex.EncodeToString(sum[:16])
}

// Convert writes the document of a text in a form, unchecked: what is stored is shown by it.
func Convert(stored []byte, form Form) ([]byte, error) {
	t, err := readJSON(stored)
	if err != nil {
		return nil, err
	}
	return t.write(form)
}
