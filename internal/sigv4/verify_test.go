package sigv4

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

var testTime = time.Date(2024, 1, 5, 10, 15, 0, 0, time.UTC)

const (
	longTerm  = "AKIDEXAMPLE"
	otherUser = "AKIDOTHERUSER"
	temporary = "ASIAEXAMPLE"
	secret    = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	token     = "AQoDYXdzEPT//////////wEXAMPLE"
	mismatch  = "The request signature we calculated does not match the signature you provided. Check your AWS Secret " +
		"Access Key and signing method. Consult the service documentation for details."
)

func testKeys(accessKey string) (Key, bool) {
	switch accessKey {
	case longTerm:
		return Key{AccessKey: longTerm, SecretKey: secret, Account: "123456789012"}, true
	case temporary:
		return Key{AccessKey: temporary, SecretKey: secret, SessionToken: token, Account: "210987654321"}, true
	case otherUser:
		return Key{AccessKey: otherUser, SecretKey: "other", Account: "123456789012"}, true
	}
	return Key{}, false
}

func testVerifier(now time.Time) *Verifier {
	return New(nil, "firehose", testKeys, func() time.Time { return now })
}

// newRequest makes a request as a server gets it, not signed yet.
func newRequest(target, body string) *http.Request {
	r := httptest.NewRequest("POST", target, strings.NewReader(body))
	r.Host = "firehose.example:4573"
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Firehose_20150804.PutRecord")
	return r
}

type signature struct {
	accessKey, secret, token, service, region string
	at                                        time.Time
}

func defaultSignature() signature {
	return signature{accessKey: longTerm, secret: secret, service: "firehose", region: "us-east-1", at: testTime}
}

// sign signs with the SDK's signer, which shares no code with this package.
func (s signature) sign(t testing.TB, r *http.Request, body string) {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	c := aws.Credentials{AccessKeyID: s.accessKey, SecretAccessKey: s.secret, SessionToken: s.token}
	r.URL.Host = r.Host
	err := v4.NewSigner().SignHTTP(context.Background(), c, r, hex.EncodeToString(sum[:]), s.service, s.region, s.at)
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, typ, message string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want %s", err, typ)
	}
	if e.Type != typ || e.Message != message {
		t.Errorf("got  %s\nwant %s: %s", e, typ, message)
	}
}

func TestVerifySaysWhoSigned(t *testing.T) {
	test := func(name string, change func(*signature, *http.Request), want Identity) {
		t.Run(name, func(t *testing.T) {
			s, r := defaultSignature(), newRequest("/", "{}")
			change(&s, r)
			s.sign(t, r, "{}")
			v := testVerifier(testTime)
			for range 2 { // the second time with the cached key
				got, err := v.Verify(r, []byte("{}"))
				if err != nil || got != want {
					t.Fatalf("got %+v, %v; want %+v", got, err, want)
				}
			}
			if len(v.signingKeys) != 1 {
				t.Errorf("%d signing keys are cached, want 1", len(v.signingKeys))
			}
		})
	}
	plain := Identity{"123456789012", longTerm, "us-east-1"}
	test("long-term key", func(*signature, *http.Request) {}, plain)
	test("temporary key", func(s *signature, _ *http.Request) { s.accessKey, s.token = temporary, token },
		Identity{"210987654321", temporary, "us-east-1"})
	test("other region", func(s *signature, _ *http.Request) { s.region = "us-gov-west-1" },
		Identity{"123456789012", longTerm, "us-gov-west-1"})
	test("clock 5 minutes behind", func(s *signature, _ *http.Request) { s.at = testTime.Add(-5 * time.Minute) }, plain)
	test("clock 5 minutes ahead", func(s *signature, _ *http.Request) { s.at = testTime.Add(5 * time.Minute) }, plain)
	test("spaces inside a value", func(_ *signature, r *http.Request) { r.Header.Set("X-Amz-Meta", "  a   b c  ") }, plain)
	test("several values", func(_ *signature, r *http.Request) { r.Header["X-Amz-Meta"] = []string{"b", " a ", ""} }, plain)
	test("query", func(_ *signature, r *http.Request) { r.URL.RawQuery = "b=2&a=%7e%2f&b=1&empty=&%C3%A4=x%20y" }, plain)
	test("path", func(_ *signature, r *http.Request) { r.URL.Path = "/a b/ä/" }, plain)
	test("path with an encoded slash", func(_ *signature, r *http.Request) {
		r.URL.Path, r.URL.RawPath = "/a/b", "/a%2Fb"
	}, plain)
	test("body hash in a header", func(_ *signature, r *http.Request) {
		sum := sha256.Sum256([]byte("{}"))
		r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	}, plain)
}

func TestVerifyRefusesWhatWasChangedAfterSigning(t *testing.T) {
	test := func(name string, change func(*http.Request) (body string)) {
		t.Run(name, func(t *testing.T) {
			r := newRequest("/?a=1", "{}")
			r.Header.Set("X-Amz-Meta", "a b")
			defaultSignature().sign(t, r, "{}")
			_, err := testVerifier(testTime).Verify(r, []byte(change(r)))
			wantError(t, err, "InvalidSignatureException", mismatch)
		})
	}
	header := func(name string, change func(string) string) func(*http.Request) string {
		return func(r *http.Request) string {
			r.Header.Set(name, change(r.Header.Get(name)))
			return "{}"
		}
	}
	replace := func(old, new string) func(string) string {
		return func(s string) string {
			if !strings.Contains(s, old) {
				panic(s + " has no " + old)
			}
			return strings.Replace(s, old, new, 1)
		}
	}
	test("body", func(*http.Request) string { return "{ }" })
	test("empty body", func(*http.Request) string { return "" })
	test("method", func(r *http.Request) string { r.Method = "PUT"; return "{}" })
	test("path", func(r *http.Request) string { r.URL.Path = "/x"; return "{}" })
	test("query value", func(r *http.Request) string { r.URL.RawQuery = "a=2"; return "{}" })
	test("query added", func(r *http.Request) string { r.URL.RawQuery = "a=1&b=1"; return "{}" })
	test("query removed", func(r *http.Request) string { r.URL.RawQuery = ""; return "{}" })
	test("host", func(r *http.Request) string { r.Host = "other.example:4573"; return "{}" })
	test("host's port", func(r *http.Request) string { r.Host = "firehose.example"; return "{}" })
	test("content length", func(r *http.Request) string { r.ContentLength = 3; return "{}" })
	test("operation", header("X-Amz-Target", replace("PutRecord", "DeleteDeliveryStream")))
	test("content type", header("Content-Type", replace("1.1", "1.0")))
	test("header value", header("X-Amz-Meta", replace("a b", "ab")))
	test("header value added", func(r *http.Request) string { r.Header.Add("X-Amz-Meta", "c"); return "{}" })
	test("header removed", func(r *http.Request) string { r.Header.Del("X-Amz-Meta"); return "{}" })
	test("date", header("X-Amz-Date", replace("T1015", "T1016")))
	test("region", header("Authorization", replace("us-east-1", "us-east-2")))
	test("access key", header("Authorization", replace(longTerm, otherUser)))
	test("signed headers", header("Authorization", replace("content-length;", "")))
	test("signature's first digits", header("Authorization", replace("Signature=", "Signature=0")))
	test("signature in other digits", header("Authorization", func(s string) string {
		return s[:len(s)-1] + map[bool]string{true: "0", false: "1"}[s[len(s)-1] != '0']
	}))
	test("signature without a digit", header("Authorization", func(s string) string { return s[:len(s)-1] }))
	test("signature not hexadecimal", header("Authorization", func(s string) string { return s[:len(s)-1] + "g" }))
}

func TestVerifyRefusesOtherSecret(t *testing.T) {
	s, r := defaultSignature(), newRequest("/", "{}")
	s.secret = "other"
	s.sign(t, r, "{}")
	v := testVerifier(testTime)
	_, err := v.Verify(r, []byte("{}"))
	wantError(t, err, "InvalidSignatureException", mismatch)
	if len(v.signingKeys) != 0 {
		t.Error("the key of a refused request is cached")
	}
}

func TestVerifyRefusesBodyThatIsNotSigned(t *testing.T) {
	test := func(name, claimed string) {
		t.Run(name, func(t *testing.T) {
			r := newRequest("/", "{}")
			r.Header.Set("X-Amz-Content-Sha256", claimed)
			err := v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: longTerm, SecretAccessKey: secret},
				r, claimed, "firehose", "us-east-1", testTime)
			if err != nil {
				t.Fatal(err)
			}
			_, err = testVerifier(testTime).Verify(r, []byte("{}"))
			wantError(t, err, "InvalidSignatureException", mismatch)
		})
	}
	test("unsigned payload", "UNSIGNED-PAYLOAD")
	test("streaming", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
	test("other body's hash", strings.Repeat("0", 64))
}

func TestVerifyRefusesHeadersThatAreNotSigned(t *testing.T) {
	test := func(name, want string, change func(*http.Request)) {
		t.Run(name, func(t *testing.T) {
			r := newRequest("/", "{}")
			change(r)
			_, err := testVerifier(testTime).Verify(r, []byte("{}"))
			wantError(t, err, "InvalidSignatureException", "'"+want+"' must be a 'SignedHeader' in the AWS Authorization.")
		})
	}
	test("operation", "X-Amz-Target", func(r *http.Request) {
		r.Header.Del("X-Amz-Target")
		defaultSignature().sign(t, r, "{}")
		r.Header.Set("X-Amz-Target", "Firehose_20150804.DeleteDeliveryStream")
	})
	test("security token", "X-Amz-Security-Token", func(r *http.Request) {
		defaultSignature().sign(t, r, "{}")
		r.Header.Set("X-Amz-Security-Token", token)
	})
	test("host", "Host", func(r *http.Request) {
		defaultSignature().sign(t, r, "{}")
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), ";host;", ";", 1))
	})
}

func TestVerifyRefusesUnknownKeyAndWrongToken(t *testing.T) {
	test := func(name string, change func(*signature)) {
		t.Run(name, func(t *testing.T) {
			s, r := defaultSignature(), newRequest("/", "{}")
			change(&s)
			s.sign(t, r, "{}")
			_, err := testVerifier(testTime).Verify(r, []byte("{}"))
			wantError(t, err, "UnrecognizedClientException", "The security token included in the request is invalid.")
		})
	}
	test("unknown key", func(s *signature) { s.accessKey = "AKIDUNKNOWN" })
	test("other token", func(s *signature) { s.accessKey, s.token = temporary, "x"+token[1:] })
	test("missing token", func(s *signature) { s.accessKey = temporary })
	test("token of a long-term key", func(s *signature) { s.token = token })
}

func TestVerifyRefusesSkewAndScope(t *testing.T) {
	test := func(name, want string, change func(*signature)) {
		t.Run(name, func(t *testing.T) {
			s, r := defaultSignature(), newRequest("/", "{}")
			change(&s)
			s.sign(t, r, "{}")
			_, err := testVerifier(testTime).Verify(r, []byte("{}"))
			wantError(t, err, "InvalidSignatureException", want)
		})
	}
	const (
		region  = "Credential should be scoped to a valid region."
		service = "Credential should be scoped to correct service: 'firehose'."
	)
	test("late", "Signature expired: 20240105T100959Z is now earlier than 20240105T101000Z (20240105T101500Z - 5 min.)",
		func(s *signature) { s.at = testTime.Add(-5*time.Minute - time.Second) })
	test("early", "Signature not yet current: 20240105T102001Z is still later than 20240105T102000Z (20240105T101500Z + 5 min.)",
		func(s *signature) { s.at = testTime.Add(5*time.Minute + time.Second) })
	test("region", region, func(s *signature) { s.region = "US East" })
	test("service", service, func(s *signature) { s.service = "kinesis" })
	test("both", region+" "+service, func(s *signature) { s.region, s.service = "-", "s3" })

	header := func(name, want, old, new string) {
		t.Run(name, func(t *testing.T) {
			r := newRequest("/", "{}")
			defaultSignature().sign(t, r, "{}")
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
			_, err := testVerifier(testTime).Verify(r, []byte("{}"))
			wantError(t, err, "InvalidSignatureException", want)
		})
	}
	header("terminator", "Credential should be scoped with a valid terminator: 'aws4_request'.", "aws4_request", "aws5_request")
	header("day", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.", "/20240105/", "/20240104/")
}

func TestVerifyListsTheMissingParts(t *testing.T) {
	const (
		credential    = "Authorization header requires 'Credential' parameter. "
		signature     = "Authorization header requires 'Signature' parameter. "
		signedHeaders = "Authorization header requires 'SignedHeaders' parameter. "
		date          = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
		full          = algorithm + " Credential=A/20240105/us-east-1/firehose/aws4_request, SignedHeaders=host, Signature=00"
	)
	test := func(name, header, date, want string) {
		t.Run(name, func(t *testing.T) {
			r := newRequest("/", "")
			r.Header.Set("Authorization", header)
			r.Header.Set("X-Amz-Date", date)
			_, err := testVerifier(testTime).Verify(r, nil)
			if strings.HasSuffix(want, ". ") {
				want += fmt.Sprintf("Authorization=%s", hashBase64(header))
			}
			wantError(t, err, "IncompleteSignatureException", want)
		})
	}
	now := testTime.Format(timeFormat)
	test("all", algorithm, "", credential+signature+signedHeaders+date)
	test("other scheme", "Bearer xyz", now, credential+signature+signedHeaders)
	test("other algorithm", strings.Replace(full, algorithm, "AWS4-ECDSA-P256-SHA256", 1), now, credential+signature+signedHeaders)
	test("date", full, "", date)
	test("signature", strings.Replace(full, "Signature=00", "", 1), now, signature)
	test("signed headers", strings.Replace(full, "SignedHeaders=host", "SignedHeaders=", 1), now, signedHeaders)
	test("credential", strings.Replace(full, "Credential", "Credentials", 1), now, credential)
	test("credential's parts", strings.Replace(full, "/firehose", "", 1), now,
		"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'A/20240105/us-east-1/aws4_request'.")
	test("date's form", full, "2024-01-05", "Date must be in ISO-8601 'basic format'. Got '2024-01-05'.")
}

func TestVerifyRefusesRequestsWithoutAuthorization(t *testing.T) {
	refuse := func(r *http.Request) {
		t.Helper()
		_, err := testVerifier(testTime).Verify(r, []byte("{}"))
		wantError(t, err, "MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	refuse(newRequest("/", "{}"))

	r := newRequest("/", "{}")
	sum := sha256.Sum256([]byte("{}"))
	presigned, _, err := v4.NewSigner().PresignHTTP(context.Background(), aws.Credentials{AccessKeyID: longTerm, SecretAccessKey: secret},
		r, hex.EncodeToString(sum[:]), "firehose", "us-east-1", testTime)
	if err != nil || !strings.Contains(presigned, "X-Amz-Signature=") {
		t.Fatal(presigned, err)
	}
	signed := httptest.NewRequest("POST", presigned, nil)
	refuse(signed)
}

func TestVerifyTakesTheDateHeader(t *testing.T) {
	body := []byte("{}")
	r := newRequest("/", "{}")
	r.Header.Set("Date", testTime.Format(http.TimeFormat))
	signedHeaders := "date;host;x-amz-target"
	sum := sha256.Sum256(body)
	a := authorization{accessKey: longTerm, date: "20240105", region: "us-east-1", service: "firehose", time: testTime}
	a.signedHeaders = signedHeaders
	v := testVerifier(testTime)
	key, _ := v.signingKey(secret, a)
	text := appendStringToSign(nil, r, a, hex.AppendEncode(nil, sum[:]))
	r.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/20240105/us-east-1/firehose/aws4_request,SignedHeaders=%s,Signature=%x",
		algorithm, longTerm, signedHeaders, hmacSHA256(key[:], text)))
	if _, err := v.Verify(r, body); err != nil {
		t.Error(err)
	}
}

func TestSigningKeysAreBounded(t *testing.T) {
	v := testVerifier(testTime)
	for i := range 3 * signingKeysMax {
		v.keepSigningKey(secret, authorization{date: "20240105", region: fmt.Sprint("r", i)}, [32]byte{})
	}
	if n := len(v.signingKeys); n != signingKeysMax {
		t.Errorf("%d signing keys are cached, want %d", n, signingKeysMax)
	}
}

func TestVerifyAcceptsTheRealClient(t *testing.T) {
	v := testVerifier(time.Now())
	v.now = time.Now
	var got Identity
	var verifyErr error
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got, verifyErr = v.Verify(r, body)
		if region, ok := Scope(r); !ok || region != "eu-central-1" {
			t.Errorf("Scope is %q, %v", region, ok)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		io.WriteString(w, "{}")
	}))
	defer server.Close()

	test := func(name string, c aws.CredentialsProvider, want Identity) {
		t.Run(name, func(t *testing.T) {
			client := firehose.New(firehose.Options{Region: "eu-central-1", BaseEndpoint: &server.URL, Credentials: c})
			data := bytes.Repeat([]byte("event "), 1000)
			call := func(operation string, err error) {
				t.Helper()
				if err != nil || verifyErr != nil || got != want {
					t.Errorf("%s: client %v, verifier %v, identity %+v", operation, err, verifyErr, got)
				}
				got = Identity{}
			}
			_, err := client.PutRecord(t.Context(), &firehose.PutRecordInput{
				DeliveryStreamName: aws.String("demo"), Record: &types.Record{Data: data},
			})
			call("PutRecord", err)
			_, err = client.PutRecordBatch(t.Context(), &firehose.PutRecordBatchInput{
				DeliveryStreamName: aws.String("demo"), Records: []types.Record{{Data: data}, {Data: []byte{}}},
			})
			call("PutRecordBatch", err)
			_, err = client.ListDeliveryStreams(t.Context(), &firehose.ListDeliveryStreamsInput{})
			call("ListDeliveryStreams", err)
		})
	}
	test("long-term key", credentials.NewStaticCredentialsProvider(longTerm, secret, ""),
		Identity{"123456789012", longTerm, "eu-central-1"})
	test("temporary key", credentials.NewStaticCredentialsProvider(temporary, secret, token),
		Identity{"210987654321", temporary, "eu-central-1"})
}

func BenchmarkVerify(b *testing.B) {
	bench := func(name string, size int) {
		b.Run(name, func(b *testing.B) {
			body := strings.Repeat("x", size)
			r := newRequest("/", body)
			defaultSignature().sign(b, r, body)
			v, bytes := testVerifier(testTime), []byte(body)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(r, bytes); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	bench("1KB", 1<<10)
	bench("500KB", 500<<10)
}
