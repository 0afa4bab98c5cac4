// Package internal has only this test: it keeps the house in order. What it finds it tells together with what to do.
package internal

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"firehose/internal/metric"
)

// floors is the house from the ground up. A package imports packages of lower floors only; on its own floor it may
// import its parent (log/segment imports log), and what aside allows.
var floors = [][]string{
	{ // the ground: each knows itself only
		"internal/config", "internal/disk", "internal/metric", "internal/objectkey", "internal/record",
		"internal/outbound", "internal/sample", "internal/sigv4", "internal/task", "internal/tlsfile", "internal/verdict",
		"internal/apikey", "internal/columns", "internal/dedupe", "internal/eventread", "internal/jsonscan", "internal/jsonscan/splice", "internal/erroroutput", "internal/kpl",
	},
	{ // bytes, and the place that takes them
		"internal/batch", "internal/block", "internal/format",
		"internal/object", "internal/object/folder", "internal/object/s3",
		"internal/bench/load",
		"internal/columns/fromjson", "internal/columns/parquet", "internal/columns/orc", "internal/enrich", "internal/eventkey", "internal/filter", "internal/jq", "internal/mask",
	},
	// what makes files of records
	{"internal/convert", "internal/eventbody"},
	{ // the log, the plug-ins, and what speaks to other services
		"internal/log", "internal/log/segment",
		"internal/destination", "internal/destination/s3", "internal/destination/httpendpoint", "internal/destination/webhook",
		"internal/keyring", "internal/cloudwatch", "internal/catalog",
		"internal/process", "internal/process/lambda",
		"internal/bench/limit",
	},
	// the model and the movements
	{"internal/stream", "internal/ingest", "internal/deliver"},
	// what survives a restart besides the log
	{"internal/state"},
	// what keeps that which runs equal to that which is declared
	{"internal/control", "internal/preview"},
	// the product's own language of streams
	{"internal/native"},
	// the doors
	{"internal/api", "internal/collect", "internal/awsapi", "internal/awsapi/model"},
	// one node, what measures it from outside, and the binary
	{"internal/server", "internal/bench"},
	{"cmd/firehose"},
}

// aside lists imports along a floor, with their reason.
var aside = map[string]string{
	"internal/awsapi internal/awsapi/model": "the model of the service is a package of its own for its size",
}

// longFiles lists files that may have more than lineMax lines, with their reason.
var longFiles = map[string]string{}

const lineMax = 500

const module = "firehose/"

// source is a parsed Go file of the tree.
type source struct {
	path  string // from the root, with slashes
	dir   string
	test  bool // or of a package that only tests use, such as log/logtest
	lines int
	files *token.FileSet
	ast   *ast.File
}

// imports returns what the file imports.
func (s source) imports() []string {
	var list []string
	for _, i := range s.ast.Imports {
		list = append(list, must(strconv.Unquote(i.Path.Value)))
	}
	return list
}

// place says where a node stands, as editors and terminals understand it.
func (s source) place(n ast.Node) string { return fmt.Sprintf("%s:%d", s.path, s.line(n)) }

func (s source) line(n ast.Node) int { return s.files.Position(n.Pos()).Line }

// commented returns the lines on which a comment begins.
func (s source) commented() map[int]bool {
	lines := map[int]bool{}
	for _, group := range s.ast.Comments {
		lines[s.line(group)] = true
	}
	return lines
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// root is the module's folder, seen from this test.
const root = ".."

// paths returns the files of the tree whose name has one of the endings.
func paths(t *testing.T, endings ...string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && (name == ".git" || name == "testdata" || name == "bin" || name == "firehose-data") {
			return fs.SkipDir
		}
		if !entry.IsDir() && slices.Contains(endings, filepath.Ext(name)) {
			list = append(list, filepath.ToSlash(must(filepath.Rel(root, p))))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func read(t *testing.T, p string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sources parses the Go files of the tree.
func sources(t *testing.T) (list []source) {
	t.Helper()
	for _, p := range paths(t, ".go") {
		text := read(t, p)
		s := source{path: p, dir: path.Dir(p), test: strings.HasSuffix(p, "_test.go") || strings.HasSuffix(path.Dir(p), "test") || strings.HasPrefix(p, "test/"), lines: strings.Count(text, "\n"), files: token.NewFileSet()}
		var err error
		if s.ast, err = parser.ParseFile(s.files, p, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	if len(list) < 50 {
		t.Fatalf("%d Go files below %s: this test does not see the tree", len(list), must(filepath.Abs(root)))
	}
	return list
}

func TestImportsPointDown(t *testing.T) {
	floorOf := map[string]int{}
	for i, floor := range floors {
		for _, p := range floor {
			floorOf[p] = i
		}
	}
	seen := map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue // tests look at the house from outside
		}
		seen[s.dir] = true
		own, known := floorOf[s.dir]
		if !known {
			t.Errorf("%s: package %s has no floor; give it one in the table floors of internal/tidy_test.go", s.path, s.dir)
			floorOf[s.dir] = len(floors)
			continue
		}
		for _, i := range s.imports() {
			to, ok := strings.CutPrefix(i, module)
			if !ok || own == len(floors) || floorOf[to] < own || to == path.Dir(s.dir) || aside[s.dir+" "+to] != "" {
				continue
			}
			t.Errorf("%s imports %s, which is not on a lower floor; let the lower one declare an interface, or move what both need down", s.path, to)
		}
	}
	for p := range floorOf {
		if !seen[p] {
			t.Errorf("the table floors names %s, which is not there; take it out", p)
		}
	}
}

func TestPackagesHaveAPageAndAName(t *testing.T) {
	page := map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		page[s.dir] = page[s.dir] || s.ast.Doc != nil
		switch name := s.ast.Name.Name; name {
		case "helper", "helpers", "util", "utils", "common", "manager", "base", "misc", "shared":
			t.Errorf("%s: a package called %s holds everything and says nothing; name it for what it is about", s.path, name)
		}
	}
	for dir, has := range page {
		if !has {
			t.Errorf("%s: no file has a package comment; write what the package is, why it is so, and what it never does", dir)
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	long := map[string]bool{}
	for _, s := range sources(t) {
		if s.lines <= lineMax {
			continue
		}
		long[s.path] = true
		if longFiles[s.path] == "" {
			t.Errorf("%s has %d lines, more than %d; divide it by what its parts are about, or give the reason in longFiles", s.path, s.lines, lineMax)
		}
	}
	for p := range longFiles {
		if !long[p] {
			t.Errorf("longFiles excuses %s, which is not long; take it out", p)
		}
	}
}

func TestNothingBannedIsUsed(t *testing.T) {
	imports := map[string]string{
		"io/ioutil": "os and io have what it had",
		"math/rand": "use math/rand/v2, or crypto/rand where somebody could gain from guessing",
		"log":       "use log/slog, and take the logger as an argument",
		"unsafe":    "nothing here needs it",
	}
	calls := map[string]string{
		"fmt.Print":   "only a command writes to standard output; return the text, or log it",
		"fmt.Printf":  "only a command writes to standard output; return the text, or log it",
		"fmt.Println": "only a command writes to standard output; return the text, or log it",
		"os.Exit":     "only main ends the process; return an error",
	}
	for _, s := range sources(t) {
		for _, i := range s.imports() {
			if why, banned := imports[i]; banned {
				t.Errorf("%s imports %s: %s", s.path, i, why)
			}
		}
		// Inside a bubble of testing/synctest a sleep takes no time, and a process outside cannot say when it is done.
		commented := s.commented()
		sleepless := s.test && !slices.Contains(s.imports(), "testing/synctest")
		ast.Inspect(s.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := called(call)
			if name == "time.Sleep" && sleepless && !commented[s.line(n)] {
				t.Errorf("%s: a test that sleeps is slow or wrong by chance; wait for a channel or a condition, or use testing/synctest (or say why it must on the same line)", s.place(n))
			}
			if why, banned := calls[name]; banned && !s.test && strings.HasPrefix(s.dir, "internal") {
				t.Errorf("%s calls %s: %s", s.place(n), name, why)
			}
			return true
		})
	}
	marks := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|HA` + `CK)\b`)
	for _, p := range paths(t, ".go", ".md") {
		for i, line := range strings.Split(read(t, p), "\n") {
			if found := marks.FindString(line); found != "" {
				t.Errorf("%s:%d says %s; do it now, or write it down where work is planned", p, i+1, found)
			}
		}
	}
}

// called returns what a call calls, if it is a function of a package: "time.Sleep".
func called(call *ast.CallExpr) string {
	if f, ok := call.Fun.(*ast.SelectorExpr); ok {
		if of, ok := f.X.(*ast.Ident); ok {
			return of.Name + "." + f.Sel.Name
		}
	}
	return ""
}

func TestGoroutinesSayWhoWaitsForThem(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		commented := s.commented()
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if n, ok := n.(*ast.GoStmt); ok && !commented[s.line(n)] && !commented[s.files.Position(n.End()).Line] {
				t.Errorf("%s starts a goroutine; use task.Group, or say on the same line who waits for it", s.place(n))
			}
			return true
		})
	}
}

var (
	codeSpan = regexp.MustCompile("`([^`\n]+)`")
	treePath = regexp.MustCompile(`(?:^|[\s(])((?:\./)?(?:cmd|internal|docs|test|\.ci)/[\w./-]*\w)`)
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
)

func TestDocumentsNameWhatIsThere(t *testing.T) {
	exists := func(p string) bool {
		_, err := os.Stat(filepath.Join(root, filepath.FromSlash(p)))
		return err == nil
	}
	for _, p := range paths(t, ".md") {
		fenced := false
		for i, line := range strings.Split(read(t, p), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				fenced = !fenced
			}
			var named []string
			for _, span := range codeSpan.FindAllStringSubmatch(line, -1) {
				if !strings.ContainsAny(span[1], "<*…{") {
					named = append(named, span[1])
				}
			}
			if fenced {
				named = append(named, line)
			}
			for _, text := range named {
				for _, found := range treePath.FindAllStringSubmatch(text, -1) {
					if !exists(found[1]) {
						t.Errorf("%s:%d names %s, which is not there; correct the document", p, i+1, found[1])
					}
				}
			}
			if fenced {
				continue
			}
			for _, found := range link.FindAllStringSubmatch(line, -1) {
				to, _, _ := strings.Cut(found[1], "#")
				if to == "" || strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
					continue
				}
				if !exists(path.Join(path.Dir(p), to)) {
					t.Errorf("%s:%d links to %s, which is not there; correct the link", p, i+1, found[1])
				}
			}
		}
	}
	document := regexp.MustCompile(`\b(?:docs/[\w./-]+|README|CONTRIBUTING|ARCHITECTURE)\.md\b`)
	for _, s := range sources(t) {
		for _, group := range s.ast.Comments {
			for _, found := range document.FindAllString(group.Text(), -1) {
				if !exists(found) && !exists("docs/"+found) {
					t.Errorf("%s names %s, which is not there; correct the comment", s.place(group), found)
				}
			}
		}
	}
}

func TestEveryDependencyIsExplained(t *testing.T) {
	const page = "docs/dependencies.md"
	direct := map[string]string{} // module to version
	lines := bufio.NewScanner(strings.NewReader(read(t, "go.mod")))
	required := regexp.MustCompile(`^\s*(?:require\s+)?([\w.-]+\.[\w.-]+/\S+) (v\S+)$`)
	for lines.Scan() {
		if found := required.FindStringSubmatch(lines.Text()); found != nil {
			direct[found[1]] = found[2]
		}
	}
	if len(direct) == 0 {
		t.Fatal("no direct dependency was found in go.mod")
	}
	explained := firstColumn(read(t, page))
	for module, version := range direct {
		row, ok := explained[module]
		switch {
		case !ok:
			t.Errorf("go.mod requires %s, and %s has no line on it; write what it spares us", module, page)
		case strings.TrimSpace(row[1]) != version:
			t.Errorf("%s says %s of %s; go.mod requires %s", page, strings.TrimSpace(row[1]), module, version)
		}
	}
	for module := range explained {
		if direct[module] == "" && strings.Contains(module, "/") {
			t.Errorf("%s has a line on %s, which go.mod does not require; take it out", page, module)
		}
	}
}

// firstColumn returns the rows of a page's tables by the code in their first column.
func firstColumn(page string) map[string][]string {
	rows := map[string][]string{}
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if name := codeSpan.FindStringSubmatch(cells[0]); name != nil && strings.HasPrefix(line, "|") {
			rows[name[1]] = cells
		}
	}
	return rows
}

func TestEveryMetricIsDocumented(t *testing.T) {
	const page = "docs/reference/metrics.md"
	described := make(chan *prometheus.Desc, 256)
	registered := collecting{described}
	metric.New(registered)
	registered.MustRegister(metric.Node(nil), metric.Diagnostics(nil), metric.LookupBytes(nil))
	close(described)

	documented := firstColumn(read(t, page))
	text := regexp.MustCompile(`fqName: "(\w+)".*variableLabels: \{([^}]*)\}`)
	for desc := range described {
		found := text.FindStringSubmatch(desc.String())
		if found == nil {
			t.Fatalf("%s: cannot find the name in it", desc)
		}
		row, ok := documented[found[1]]
		if !ok {
			t.Errorf("%s has no row on %s; write what it counts", page, found[1])
			continue
		}
		delete(documented, found[1])
		labels := map[string]bool{}
		for _, span := range codeSpan.FindAllStringSubmatch(row[2], -1) {
			labels[span[1]] = true
		}
		want := map[string]bool{}
		for label := range strings.SplitSeq(found[2], ",") {
			if label != "" {
				want[label] = true
			}
		}
		if !maps.Equal(labels, want) {
			t.Errorf("%s says that %s has the labels %q; they are %q", page, found[1], row[2], found[2])
		}
	}
	for name := range documented {
		if strings.HasPrefix(name, "firehose_") {
			t.Errorf("%s describes %s, which nothing counts; take it out", page, name)
		}
	}
}

// collecting is a registry that only asks what it would hold.
type collecting struct{ described chan *prometheus.Desc }

func (c collecting) Register(m prometheus.Collector) error {
	m.Describe(c.described)
	return nil
}

func (c collecting) MustRegister(all ...prometheus.Collector) {
	for _, m := range all {
		m.Describe(c.described)
	}
}

func (c collecting) Unregister(prometheus.Collector) bool { return false }
