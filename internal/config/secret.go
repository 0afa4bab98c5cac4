package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
)

// resolve puts the secrets themselves in the place of references to files and variables, everywhere in a value.
func (l *loader) resolve(v reflect.Value, path string) {
	switch {
	case v.Type() == secretType:
		secret, err := l.secret(v.String())
		if err != nil {
			l.problem("%s: %w", path, err)
		}
		v.SetString(secret)
	case v.Kind() == reflect.Struct:
		for _, f := range reflect.VisibleFields(v.Type()) {
			if name, ok := f.Tag.Lookup("key"); ok {
				l.resolve(v.FieldByIndex(f.Index), strings.TrimPrefix(path+"."+name, "."))
			}
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			l.resolve(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case v.Kind() == reflect.Map:
		for _, key := range v.MapKeys() {
			entry := reflect.New(v.Type().Elem()).Elem()
			entry.Set(v.MapIndex(key))
			l.resolve(entry, path+"["+key.String()+"]")
			v.SetMapIndex(key, entry)
		}
	}
}

// secret returns the secret that a text is or refers to.
func (l *loader) secret(text string) (string, error) {
	if text == hidden {
		return "", errors.New("is the mark of a hidden secret, not a secret")
	}
	if name, ok := strings.CutPrefix(text, "env:"); ok {
		secret := l.environ[name]
		if secret == "" {
			return "", fmt.Errorf("environment variable %s is empty or not set", name)
		}
		return secret, nil
	}
	if name, ok := strings.CutPrefix(text, "file:"); ok {
		content, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("read secret: %w", err)
		}
		secret := strings.TrimRight(string(content), "\r\n")
		if secret == "" {
			return "", fmt.Errorf("file %s is empty", name)
		}
		return secret, nil
	}
	return text, nil
}
