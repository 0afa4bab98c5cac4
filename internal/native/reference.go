package native

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"firehose/internal/config"
	"firehose/internal/destination"
	"firehose/internal/verdict"
)

// References resolves what documents refer to, when a destination is opened and never before.
type References struct {
	Variable func(name string) (string, bool) // of the environment
	Dir      string                           // folder of the files that file:PATH may name; empty for none
	Tables   string                           // folder of the files that lookups may name; empty for none
}

// table returns where the file of a lookup is; nothing for none.
func (r References) table(file string) (string, error) {
	switch {
	case file == "":
		return "", nil
	case !filepath.IsLocal(file):
		return "", fmt.Errorf("file %q is not below the folder of tables: want a path such as buyers.csv", file)
	case r.Tables == "":
		return "", &missing{"the server has no folder of tables", "Set lookups.dir to the folder that tables are kept in", true}
	}
	return filepath.Join(r.Tables, file), nil
}

// missing is the error of a reference that leads nowhere.
type missing struct {
	what  string
	fix   string // one sentence, without its end
	start bool   // the server must be started again; what else is mended is found by itself
}

func (m *missing) Error() string { return m.what }

// own says whether a variable is meant for the server itself.
func own(name string) bool {
	return strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "FIREHOSE_")
}

func missingVariable(name string) error {
	if own(name) {
		return &missing{"variable " + name + " of the server's environment is meant for the server itself",
			"Give the value to a variable whose name begins neither with AWS_ nor with FIREHOSE_, correct the document", true}
	}
	return &missing{"variable " + name + " of the server's environment is not set, or empty", "Set " + name + " in the server's environment", true}
}

// unresolved is what an error of a reference means for the destination: its records wait.
func unresolved(err error) *verdict.SetUp {
	m := &missing{fix: "Correct what the document refers to where the server runs"}
	errors.As(err, &m)
	next := "; it is looked for again by itself."
	if m.start {
		next = ", and start the server again."
	}
	return &verdict.SetUp{Code: "Secret.Missing", Fix: m.fix + next, Err: err}
}

// invalid is unresolved for what was found and is not as it must be.
func invalid(err error) *verdict.SetUp {
	return &verdict.SetUp{Code: "Secret.Invalid", Fix: "Correct the value that the document refers to where the server runs; a file is read again by itself, for a variable start the server again.", Err: err}
}

// Environment are the references of a server: its environment but for what is meant for the server itself, and the files below
// two folders, of secrets and of tables. Whoever may put documents can send what they refer to wherever he likes, so they must not reach everything.
func Environment(dir, tables string) References {
	return References{Dir: dir, Tables: tables, Variable: func(name string) (string, bool) {
		if own(name) {
			return "", false
		}
		return os.LookupEnv(name)
	}}
}

// expand replaces the references ${NAME} in a text.
func (r References) expand(template string) (expanded config.Secret, err error) {
	out := reference.ReplaceAllStringFunc(template, func(found string) string {
		name := found[2 : len(found)-1]
		if r.Variable != nil {
			if value, ok := r.Variable(name); ok && value != "" {
				return value
			}
		}
		err = missingVariable(name)
		return ""
	})
	return config.Secret(out), err
}

// secret returns what a secret refers to.
func (r References) secret(s Secret) (config.Secret, error) {
	name, isFile := strings.CutPrefix(string(s), "file:")
	if !isFile {
		return r.expand(string(s))
	}
	if r.Dir == "" {
		return "", &missing{"the server has no folder for secrets", "Set secrets.dir to the folder that they are kept in", true}
	}
	root, err := os.OpenRoot(r.Dir)
	if err != nil {
		return "", fmt.Errorf("open the folder of secrets: %w", err)
	}
	defer root.Close()
	text, err := root.ReadFile(strings.TrimPrefix(strings.TrimPrefix(name, r.Dir), "/"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", &missing{fmt.Sprintf("there is no file %q in the server's folder for secrets", name), "Put the file there", false}
	}
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	return config.Secret(strings.TrimRight(string(text), "\r\n")), nil
}

// referring is a destination whose document refers to credentials. They are looked for when it is opened; where one is
// missing, records wait until somebody repairs that.
type referring struct {
	destination.Config // without them
	resolve            func() (destination.Config, error)
	files              func() ([]config.Secret, error) // what stands in the files that it refers to; nil for none
}

// References returns a digest of what stands in the files that the document refers to. Variables do not change.
func (c referring) References() (string, error) {
	if c.files == nil {
		return "", nil
	}
	values, err := c.files()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, value := range values {
		each := sha256.Sum256([]byte(value.Reveal()))
		sum.Write(each[:])
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// inFiles returns what reads the secrets that are files; nil if none is.
func (r References) inFiles(secrets ...Secret) func() ([]config.Secret, error) {
	isNone := func(s Secret) bool { return !strings.HasPrefix(string(s), "file:") }
	secrets = slices.DeleteFunc(slices.Clone(secrets), isNone)
	if len(secrets) == 0 {
		return nil
	}
	return func() (values []config.Secret, err error) {
		for _, s := range secrets {
			value, err := r.secret(s)
			if err != nil {
				return nil, err
			}
			values = append(values, value)
		}
		return values, nil
	}
}

// Open makes the destination.
func (c referring) Open(env destination.Env) (destination.Destination, error) {
	config, err := c.resolve()
	if err != nil {
		return destination.Held(unresolved(err)), nil
	}
	opened, err := config.Open(env)
	if err != nil { // the document was checked, so it is what it refers to
		return destination.Held(invalid(err)), nil
	}
	return opened, nil
}

// ErrorOutputs opens the error outputs where they are kept.
func (c referring) ErrorOutputs(env destination.Env) (destination.ErrorOutputs, error) {
	return destination.OpenErrorOutputs(c.Config, env)
}
