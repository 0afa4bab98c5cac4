package native

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"firehose/internal/batch"
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
		return "", errors.New("the server has no folder of tables (lookups.dir)")
	}
	return filepath.Join(r.Tables, file), nil
}

// Environment are the references of a server: its environment but for what is meant for the server itself, and the files below
// two folders, of secrets and of tables. Whoever may put documents can send what they refer to wherever he likes, so they must not reach everything.
func Environment(dir, tables string) References {
	return References{Dir: dir, Tables: tables, Variable: func(name string) (string, bool) {
		for _, prefix := range []string{"AWS_", "FIREHOSE_"} {
			if strings.HasPrefix(name, prefix) {
				return "", false
			}
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
		err = fmt.Errorf("variable %s of the server's environment is empty, not set, or meant for the server itself", name)
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
		return "", errors.New("the server has no folder for secrets (secrets.dir)")
	}
	root, err := os.OpenRoot(r.Dir)
	if err != nil {
		return "", fmt.Errorf("open the folder of secrets: %w", err)
	}
	defer root.Close()
	text, err := root.ReadFile(strings.TrimPrefix(strings.TrimPrefix(name, r.Dir), "/"))
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
}

// Open makes the destination.
func (c referring) Open(env destination.Env) (destination.Destination, error) {
	config, err := c.resolve()
	if err != nil {
		return unresolved{&verdict.SetUp{Code: "Secret.Missing", Fix: "Set it where the server runs, and start the server again.", Err: err}}, nil
	}
	return config.Open(env)
}

// ErrorOutputs opens the error outputs where they are kept.
func (c referring) ErrorOutputs(env destination.Env) (destination.ErrorOutputs, error) {
	return destination.OpenErrorOutputs(c.Config, env)
}

// unresolved is a destination without its credentials.
type unresolved struct{ err *verdict.SetUp }

func (u unresolved) Encoder(context.Context, batch.Head, io.Writer) (batch.Encoder, error) {
	return nil, u.err
}
func (u unresolved) Deliver(context.Context, *batch.Batch) error { return u.err }
func (unresolved) Close() error                                  { return nil }
