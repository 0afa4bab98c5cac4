package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestReferencePageIsInStep(t *testing.T) {
	var page bytes.Buffer
	if err := Reference(&page); err != nil {
		t.Fatal(err)
	}
	golden(t, "../../docs/reference/configuration.md", page.Bytes())
}

const secretText = "hush-hush-hush"

func secretConfig() Config {
	c := Default()
	c.Auth.Mode = "sigv4"
	c.Auth.Keys = []AuthKey{{AccessKey: "a", SecretKey: secretText, SessionToken: secretText, Account: "000000000000"}}
	c.S3.AccessKey, c.S3.SecretKey, c.S3.SessionToken = "a", secretText, secretText
	c.Encryption.MasterKey = secretText
	c.KMS.Keys = map[string]Secret{"arn:aws:kms:us-east-1:123456789012:key/1": secretText}
	return c
}

func TestPrintedConfigurationIsGolden(t *testing.T) {
	var text bytes.Buffer
	if err := secretConfig().Print(&text); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/print.yaml", text.Bytes())
}

func TestUsageIsGolden(t *testing.T) {
	var text bytes.Buffer
	if err := Usage(&text, Switch{Name: "print-config", Help: "Prints the configuration in effect and exits."}); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/usage.txt", text.Bytes())
}

func TestPrintedConfigurationLoadsAsTheSame(t *testing.T) {
	c := Default()
	c.Listen, c.Limits.BytesPerSecond, c.Log.Retention = "[::1]:80", 1e6, 90e9
	c.Auth.Keys = []AuthKey{{AccessKey: "a", Account: "012345678901"}}
	c.Streams = []Document{"name: a\n"}
	c.Collector.TrustedProxies = []string{"10.0.0.0/8"}
	c.Outbound.Allow = []string{"10.0.0.0/8"}
	c.Store, c.Encryption.MasterKeyFile = c.ObjectStore(), c.MasterKeyFile()
	var text bytes.Buffer
	if err := c.Print(&text); err != nil {
		t.Fatal(err)
	}
	var got Config
	l := newLoader(reflect.ValueOf(&got).Elem(), nil)
	l.readDocument(document{name: "print"}, text.Bytes(), l.target, "")
	got.KMS.Keys, got.Lambda.Functions = nil, nil // an empty map and none are the same
	if l.problems != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("%v\ngot  %+v\nwant %+v", l.problems, got, c)
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	c := secretConfig()
	outputs := map[string]string{"Print": "", "Validate": fmt.Sprint(c.Validate())}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v"} {
		outputs[verb] = fmt.Sprintf(verb, c) + fmt.Sprintf(verb, &c) + fmt.Sprintf(verb, c.S3.SecretKey)
	}
	encode := func(name string, marshal func(any) ([]byte, error)) {
		for _, v := range []any{c, &c, c.S3.SecretKey, c.KMS, c.Auth.Keys} {
			text, err := marshal(v)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			outputs[name] += string(text)
		}
	}
	encode("JSON", json.Marshal)
	encode("YAML", yaml.Marshal)
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"slog text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"slog JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("start", "config", c, "pointer", &c, "secret", c.S3.SecretKey, "keys", c.KMS.Keys, "error", c.Validate())
		outputs[name] = b.String()
	}
	var b bytes.Buffer
	if err := c.Print(&b); err != nil {
		t.Error(err)
	}
	outputs["Print"] = b.String()
	for name, text := range outputs {
		if text == "" {
			t.Errorf("%s: no output", name)
		}
		for _, form := range []string{secretText, fmt.Sprintf("%x", secretText), fmt.Sprintf("%X", secretText)} {
			if strings.Contains(text, form) {
				t.Errorf("%s shows a secret: %s", name, text)
			}
		}
	}
}

func TestEmptySecretShowsThatItIsEmpty(t *testing.T) {
	if got := fmt.Sprintf("%v|%#v", Secret(""), Secret("x")); got != "|***" {
		t.Error(got)
	}
}
