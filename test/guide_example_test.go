package test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"firehose/internal/eventkey"
	"firehose/internal/filter"
	"firehose/internal/mask"
	"firehose/internal/native"
)

// firstKey matches the first key of a block of YAML.
var firstKey = regexp.MustCompile(`(?m)^(?:- )?([a-z_]+):`)

// TestGuidesShowDocumentsThatAreRight takes the blocks of YAML that are no part of an example: whole documents, destinations,
// parts of a destination, and settings of the server.
func TestGuidesShowDocumentsThatAreRight(t *testing.T) {
	guides, err := filepath.Glob("../docs/guides/*.md")
	check(t, err)
	blocks := 0
	for _, guide := range guides {
		text, err := os.ReadFile(guide)
		check(t, err)
		linked := shown.FindAllSubmatchIndex(text, -1)
		for _, at := range fence.FindAllSubmatchIndex(text, -1) {
			if string(text[at[2]:at[3]]) != "yaml" || inside(at[0], linked) {
				continue
			}
			blocks++
			_, block, _ := strings.Cut(strings.TrimSuffix(string(text[at[0]:at[1]]), "```"), "\n")
			if err := checkBlock(t, block); err != nil {
				t.Errorf("%s shows\n%s\nwhich is wrong: %v", guide, block, err)
			}
		}
	}
	if blocks < 10 {
		t.Errorf("%d blocks are found", blocks)
	}
}

// inside says whether an offset is in one of the matches.
func inside(offset int, matches [][]int) bool {
	for _, m := range matches {
		if offset >= m[0] && offset < m[1] {
			return true
		}
	}
	return false
}

// checkBlock says what is wrong with a block of YAML.
func checkBlock(t *testing.T, block string) error {
	switch key := firstKey.FindStringSubmatch(block); {
	case key == nil:
		return fmt.Errorf("it has no key at its beginning")
	case key[1] == "outbound" || key[1] == "lookups" || key[1] == "secrets":
		config := filepath.Join(t.TempDir(), "firehose.yaml")
		check(t, os.WriteFile(config, []byte(block), 0o600))
		if said, status := command(t, "serve", "--config", config, "--print-config"); status != 0 {
			return fmt.Errorf("%s", said)
		}
		return nil
	case key[1] == "name":
	case key[1] == "destinations", key[1] == "metadata":
		block = "name: guide\n" + block
	case strings.HasPrefix(key[0], "- "):
		block = "name: guide\ndestinations:\n" + block
	default:
		block = "name: guide\ndestinations:\n  - id: guide\n" + indented(whole(block))
	}
	d, err := native.Parse([]byte(block), native.YAML)
	if err != nil {
		return err
	}
	return d.Check()
}

// whole makes a destination of some of its sections.
func whole(sections string) string {
	if strings.HasPrefix(sections, "#") || strings.HasPrefix(sections, "type:") { // a file with a destination
		return sections
	}
	for _, kind := range []string{"webhook", "http_endpoint"} {
		if regexp.MustCompile(`(?m)^` + kind + `:`).MatchString(sections) {
			return "type: " + kind + "\n" + sections
		}
	}
	if !strings.Contains("\n"+sections, "\ns3:") {
		sections += "s3: {bucket: guide}\n"
	}
	return "type: s3\n" + sections
}

func indented(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ") + "\n"
}

// rowsOf returns the rows of the tables of a guide that have a heading, each as the code in its cells, or the text of a cell
// without any.
func rowsOf(t *testing.T, guide, heading string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile("../docs/guides/" + guide)
	check(t, err)
	in := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == heading:
			in = true
		case !strings.HasPrefix(line, "|"):
			in = false
		case in && !strings.HasPrefix(line, "| ---"):
			var cells []string
			for cell := range strings.SplitSeq(strings.Trim(line, "|"), " | ") {
				cells = append(cells, strings.Trim(strings.TrimSpace(cell), "`"))
			}
			rows = append(rows, cells)
		}
	}
	return rows
}

func TestTheConditionsOfTheGuideHoldAsItSays(t *testing.T) {
	rows := rowsOf(t, "filters.md", "| condition | event | holds |")
	if len(rows) < 20 {
		t.Fatalf("%d conditions are found", len(rows))
	}
	for _, row := range rows {
		f, err := filter.Compile(filter.Config{Include: []filter.Clause{{Where: []string{row[0]}}}})
		check(t, err)
		if got, err := f.Match([]byte(row[1])); err != nil || got != (row[2] == "yes") {
			t.Errorf("%s of %s: %v, %v, but the guide says %s", row[0], row[1], got, err, row[2])
		}
	}
}

func TestTheMasksOfTheGuideAreAsItSays(t *testing.T) {
	rows := rowsOf(t, "masks.md", "| kind | value | masked |")
	if len(rows) < 20 {
		t.Fatalf("%d masks are found", len(rows))
	}
	for _, row := range rows {
		rule := mask.Rule{Path: "v", Kind: row[0]}
		rule.Kind, rule.Domain, _ = strings.Cut(row[0], ", domain: ")
		masks, err := mask.Compile([]mask.Rule{rule}, mask.Key{ID: "k1", Secret: []byte("4f9c1d7e2b8a6053c7e1d94f")})
		check(t, err)
		got, _, err := masks.Masker().Apply(nil, []byte(`{"v":`+row[1]+`}`))
		if want := `{"v":` + row[2] + `}`; err != nil || string(got) != want {
			t.Errorf("%s of %s: %s, %v, but the guide says %s", row[0], row[1], got, err, row[2])
		}
	}
}

func TestTheNamesOfValuesInKeysAreAsTheGuideSays(t *testing.T) {
	rows := rowsOf(t, "batches-and-keys.md", "| value of the field | in the key |")
	if len(rows) < 5 {
		t.Fatalf("%d values are found", len(rows))
	}
	template, err := eventkey.Compile(eventkey.Config{Folder: "{{v}}/"})
	check(t, err)
	for _, row := range rows {
		got, err := template.Values(nil, []byte(`{"v":`+row[0]+`}`))
		if err != nil || got[0] != row[1] {
			t.Errorf("%s: %q, %v, but the guide says %s", row[0], got, err, row[1])
		}
	}
}
