package native

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"firehose/internal/objectkey"
)

// keyFields are the fields of an object's folder, as the expressions that objectkey evaluates.
var keyFields = map[string]string{
	"year":   "!{timestamp:yyyy}",
	"month":  "!{timestamp:MM}",
	"day":    "!{timestamp:dd}",
	"hour":   "!{timestamp:HH}",
	"minute": "!{timestamp:mm}",
}

// errorFields are those of an error output's.
var errorFields = func() map[string]string {
	all := maps.Clone(keyFields)
	all["error_type"] = "!{firehose:error-output-type}"
	return all
}()

var templateField = regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}`)

// checkTemplate finds what is wrong with a template.
func checkTemplate(path, template string, fields map[string]string, problems *Problems) {
	known := slices.Sorted(maps.Keys(fields))
	for _, found := range templateField.FindAllStringSubmatch(template, -1) {
		if fields[found[1]] == "" {
			problems.add(path, template, "{{%s}} is not known; want one of {{%s}}", found[1], strings.Join(known, "}}, {{"))
		}
	}
	rest := templateField.ReplaceAllString(template, "")
	if strings.Contains(rest, "{{") || strings.Contains(rest, "}}") {
		problems.add(path, template, "has a brace without its counterpart; a field is written as {{year}}")
	}
	if strings.Contains(rest, "!{") {
		problems.add(path, template, "has an expression of Amazon's prefixes; a field is written as {{year}}")
	}
	if len(rest) > 512 {
		problems.add(path, template, "is longer than 512 bytes")
	}
}

// timesOnly says whether a key is known to objectkey, too.
func timesOnly(template string) bool {
	return !slices.ContainsFunc(templateField.FindAllStringSubmatch(template, -1), func(found []string) bool { return keyFields[found[1]] == "" })
}

// templateHas says whether a template has a field.
func templateHas(template, name string) bool {
	return slices.ContainsFunc(templateField.FindAllStringSubmatch(template, -1), func(found []string) bool { return found[1] == name })
}

// prefix is the template as an Amazon prefix. One without fields gets an expression that stands for nothing, because a
// prefix without any has the time put behind it.
func prefix(template string, fields map[string]string) string {
	return templateField.ReplaceAllStringFunc(strings.TrimPrefix(template, "/"), func(found string) string {
		return fields[templateField.FindStringSubmatch(found)[1]]
	}) + "!{timestamp:[]}"
}

// checkPrefixes lets the judge of prefixes say what it does not like.
func checkPrefixes(key, errors string) error {
	_, _, err := objectkey.Compile(prefix(key, keyFields), prefix(errors, errorFields), objectkey.Options{})
	return err
}
