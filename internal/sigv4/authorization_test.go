package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func hashBase64(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func hmacSHA256(key, text []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	return mac.Sum(nil)
}

func TestScopeReadsTheRegionWithoutVerifying(t *testing.T) {
	test := func(header, want string) {
		t.Helper()
		got, ok := Scope(&http.Request{Header: http.Header{"Authorization": {header}}})
		if got != want || ok != (want != "") {
			t.Errorf("Scope of %q is %q, %v; want %q", header, got, ok, want)
		}
	}
	test("AWS4-HMAC-SHA256 Credential=test/20240105/eu-west-1/firehose/aws4_request, SignedHeaders=host, Signature=0", "eu-west-1")
	test("AWS4-HMAC-SHA256 Credential=test/20240105/local/firehose/aws4_request", "local")
	test("AWS4-HMAC-SHA256 Credential=test/20240105/../firehose/aws4_request", "")
	test("AWS4-HMAC-SHA256 Credential=test", "")
	test("Bearer token", "")
	test("", "")
}

func TestValidRegion(t *testing.T) {
	test := func(region string, want bool) {
		t.Helper()
		if got := ValidRegion(region); got != want {
			t.Errorf("ValidRegion(%q) is %v", region, got)
		}
	}
	for _, region := range []string{"us-east-1", "us-gov-west-1", "us-isob-east-1", "eusc-de-east-1", "local", "dc1"} {
		test(region, true)
	}
	for _, region := range []string{"", "-", "us--east", "us-east-", "-us", "1us", "US-EAST-1", "us_east", "us east", "us/east",
		"ü", strings.Repeat("a", 64)} {
		test(region, false)
	}
}

func TestCanonicalQuery(t *testing.T) {
	test := func(query, want string) {
		t.Helper()
		if got := string(appendQuery(nil, query)); got != want {
			t.Errorf("canonical form of %q is %q, want %q", query, got, want)
		}
	}
	test("", "")
	test("b&a", "a=&b=")
	test("a=2&a=1&A=3", "A=3&a=1&a=2")
	test("a=x+y%20z", "a=x%20y%20z")
	test("a=%2f/&&b=%7E~", "a=%2F%2F&b=~~")
	test("a=1=2;3", "a=1%3D2%3B3")
	test("a=%zz", "a=%25zz")
}

func TestCanonicalPath(t *testing.T) {
	test := func(sent, want string) {
		t.Helper()
		u, err := url.ParseRequestURI("http://host" + sent)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(appendPath(nil, u)); got != want {
			t.Errorf("canonical form of %q is %q, want %q", sent, got, want)
		}
	}
	test("", "/")
	test("/", "/")
	test("//a/./b/../c//", "/a/c/")
	test("/..", "/")
	test("/a%20b", "/a%2520b")
	test("/a%2Fb:c", "/a%252Fb%3Ac")
}

func TestHeaderValuesAreFolded(t *testing.T) {
	test := func(value, want string) {
		t.Helper()
		if got := string(appendFolded(nil, value)); got != want {
			t.Errorf("%q folds to %q, want %q", value, got, want)
		}
	}
	test("", "")
	test(" \t ", "")
	test(" a  b\t\tc \t d ", "a b c d")
	test(`"a  b"`, `"a b"`)
}

// A header is either refused with an answer for the client, or its parts say the same when they are written again.
func FuzzParseAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=A/20240105/us-east-1/firehose/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", "20240105T101500Z")
	f.Add("AWS4-HMAC-SHA256 Credential=A/B/C/D/E,SignedHeaders==,Signature=,", "Fri, 05 Jan 2024 10:15:00 GMT")
	f.Add("Bearer", "")
	f.Fuzz(func(t *testing.T, header, date string) {
		headers := http.Header{"X-Amz-Date": {date}, "Authorization": {header}}
		a, err := parseAuthorization(header, headers)
		if err != nil {
			if e := (*Error)(nil); !errors.As(err, &e) || e.Type != "IncompleteSignatureException" || e.Message == "" {
				t.Fatalf("error %v", err)
			}
			return
		}
		again, err := parseAuthorization(algorithm+" Signature="+a.signature+",SignedHeaders="+a.signedHeaders+",Credential="+
			strings.Join([]string{a.accessKey, a.date, a.region, a.service, a.terminator}, "/"), headers)
		if err != nil || again != a {
			t.Fatalf("%+v, again %+v, %v", a, again, err)
		}
		appendStringToSign(nil, &http.Request{Header: headers, URL: &url.URL{}}, a, nil)
	})
}
