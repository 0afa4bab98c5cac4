package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
)

// ErrHelp is returned by Load when the arguments ask for help.
var ErrHelp = errors.New("help is asked for")

// Switch is a flag of a command itself, such as --print-config. It is no setting: it has no key and no variable.
type Switch struct {
	Name string // without the dashes
	Help string
	Set  *bool // becomes true when the flag is given
}

// Load returns the effective configuration and the arguments that are no flags. The environment is in the form of
// os.Environ. Besides the settings it knows --config FILE and FIREHOSE_CONFIG, for the YAML file, and the command's
// switches. The error tells all problems, one a line.
func Load(args, environ []string, switches ...Switch) (Config, []string, error) {
	var c Config
	l := newLoader(reflect.ValueOf(&c).Elem(), environ)
	rest, err := l.load(args, switches)
	if err != nil {
		return Config{}, nil, err
	}
	c.s3Environment = l.environ["AWS_ENDPOINT_URL_S3"] != ""
	for i := range c.Auth.Keys {
		if c.Auth.Keys[i].Account == "" {
			c.Auth.Keys[i].Account = c.AccountID
		}
	}
	if err := c.Validate(); err != nil {
		return Config{}, nil, err
	}
	return c, rest, nil
}

// loader fills any struct with tags, so that it does not depend on which settings there are.
type loader struct {
	target   reflect.Value
	settings []setting
	environ  map[string]string
	problems []error
}

func newLoader(target reflect.Value, environ []string) *loader {
	l := &loader{target: target, settings: settings(target.Type(), "", nil), environ: make(map[string]string)}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		l.environ[name] = value
	}
	return l
}

// load lays the four layers over each other, the weakest first, and puts in what secrets refer to.
func (l *loader) load(args []string, switches []Switch) (rest []string, err error) {
	given, rest, err := l.parseArguments(args, switches)
	if err != nil {
		return nil, err
	}
	file := l.environ["FIREHOSE_CONFIG"]
	for _, a := range given {
		if a.name == "--config" {
			file = a.value
		}
	}
	setDefaults(l.target)
	if file != "" {
		l.readFile(file)
	}
	l.readEnvironment()
	l.readFlags(given)
	l.resolve(l.target, "")
	return rest, errors.Join(l.problems...)
}

func (l *loader) problem(format string, args ...any) {
	l.problems = append(l.problems, fmt.Errorf(format, args...))
}

func (l *loader) readFile(name string) {
	text, err := os.ReadFile(name)
	if err != nil {
		l.problem("read configuration: %w", err)
		return
	}
	l.readDocument(document{name: name, lines: true}, text, l.target, "")
}

func (l *loader) readDocument(d document, text []byte, v reflect.Value, path string) {
	d.known = knownKeys(l.settings)
	if n := d.parse(text); n != nil {
		d.value(n, v, path)
	}
	l.problems = append(l.problems, d.problems...)
}

func (l *loader) readEnvironment() {
	known := map[string]bool{"FIREHOSE_CONFIG": true}
	names := []string{"FIREHOSE_CONFIG"}
	for _, s := range l.settings {
		known[s.variable()] = true
		names = append(names, s.variable())
		if text := l.environ[s.variable()]; text != "" {
			l.set(s, "environment variable "+s.variable(), text)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.environ)) {
		if !strings.HasPrefix(name, "FIREHOSE_") || known[name] {
			continue
		}
		if near := nearest(name, names); distance(name, near) <= 2 {
			l.problem("environment variable %s: is no setting; the nearest is %s", name, near)
		}
	}
}

func (l *loader) readFlags(given []argument) {
	for _, s := range l.settings {
		name, ok := s.flag()
		for _, a := range given {
			if ok && a.name == name {
				l.set(s, "flag "+name, a.value)
			}
		}
	}
}

// set sets one setting from a text that is not of the file.
func (l *loader) set(s setting, from, text string) {
	v := l.target.FieldByIndex(s.index)
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		if s.entries() == nil && v.Kind() == reflect.Slice && !strings.HasPrefix(text, "[") {
			text = "[" + text + "]"
		}
		l.readDocument(document{name: from}, []byte(text), v, s.key)
	default:
		if !setScalar(v, text) {
			l.problem("%s: %q is wrong; want %s", from, text, form(s.typ))
		}
	}
}

// argument is a flag as given.
type argument struct {
	name, value string
}

// parseArguments takes the arguments apart: --name value, --name=value, and --name alone for a switch or a setting that
// is true or false. Flags may follow other arguments; after "--" there are no more flags.
func (l *loader) parseArguments(args []string, switches []Switch) (given []argument, rest []string, err error) {
	flags := l.flagKinds(switches)
	var problems []error
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			rest = append(rest, args[i+1:]...)
			return given, rest, errors.Join(problems...)
		case arg == "-h" || arg == "-help" || arg == "--help":
			return nil, nil, ErrHelp
		case len(arg) < 2 || arg[0] != '-':
			rest = append(rest, arg)
			continue
		}
		name, value, assigned := strings.Cut("--"+strings.TrimLeft(arg, "-"), "=")
		kind, known := flags[name]
		switch {
		case !known:
			problems = append(problems, fmt.Errorf("flag %s: is unknown; the nearest is %s", name, nearest(name, l.flagNames(switches))))
		case kind == flagSwitch && assigned:
			problems = append(problems, fmt.Errorf("flag %s: takes no value", name))
		case kind == flagSwitch:
			setSwitch(switches, name)
		case assigned:
			given = append(given, argument{name, value})
		case kind == flagBool:
			given = append(given, argument{name, "true"})
		case i+1 == len(args):
			problems = append(problems, fmt.Errorf("flag %s: has no value", name))
		default:
			i++
			given = append(given, argument{name, args[i]})
		}
	}
	return given, rest, errors.Join(problems...)
}

// The kinds of flags differ in what may follow them.
const (
	flagValue  = iota // a value, always
	flagBool          // a value only after "="
	flagSwitch        // nothing
)

func (l *loader) flagKinds(switches []Switch) map[string]int {
	kinds := map[string]int{"--config": flagValue}
	for _, s := range l.settings {
		if name, ok := s.flag(); ok && s.typ.Kind() == reflect.Bool {
			kinds[name] = flagBool
		} else if ok {
			kinds[name] = flagValue
		}
	}
	for _, s := range switches {
		kinds["--"+s.Name] = flagSwitch
	}
	return kinds
}

// flagNames lists the flags in a fixed order.
func (l *loader) flagNames(switches []Switch) []string {
	names := []string{"--config"}
	for _, s := range switches {
		names = append(names, "--"+s.Name)
	}
	for _, s := range l.settings {
		if name, ok := s.flag(); ok {
			names = append(names, name)
		}
	}
	return names
}

func setSwitch(switches []Switch, name string) {
	for _, s := range switches {
		if "--"+s.Name == name {
			*s.Set = true
		}
	}
}
