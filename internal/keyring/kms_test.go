package keyring

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// fakeKMS answers GenerateDataKey and Decrypt as the reference of AWS KMS describes them. No server that speaks the
// protocol can be had as a Go module, so the official SDK on the other side is what keeps it honest.
type fakeKMS struct {
	t *testing.T

	mu      sync.Mutex
	fail    string // error code to answer with
	status  int    // of that answer
	scopes  []string
	keys    []string          // KeyId of each call
	sealed  map[string]string // from CiphertextBlob to the key's and the context's text
	plain   map[string][]byte // by CiphertextBlob
	answers func(map[string]any)
}

func startKMS(t *testing.T) (*fakeKMS, *Keyring) {
	t.Helper()
	credentials(t)
	f := &fakeKMS{t: t, sealed: map[string]string{}, plain: map[string][]byte{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, open(t, Settings{MasterKey: &Key{1}, KMS: server.URL})
}

// credentials keeps the SDK from looking around on the machine, and from trying again.
func credentials(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
	t.Setenv("AWS_SESSION_TOKEN", "")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
}

func (f *fakeKMS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var in struct {
		KeyId, KeySpec    string
		CiphertextBlob    []byte
		EncryptionContext map[string]string
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &in)
	}
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		f.t.Errorf("request %s of type %q: %v", r.Method, r.Header.Get("Content-Type"), err)
	}
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=AKIDEXAMPLE/")
	scope, _, _ = strings.Cut(scope, ",")
	f.scopes = append(f.scopes, scope)
	f.keys = append(f.keys, in.KeyId)

	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if f.fail != "" {
		w.WriteHeader(f.status)
		fmt.Fprintf(w, `{"__type":%q,"message":"the reason"}`, f.fail)
		return
	}
	out := map[string]any{"KeyId": in.KeyId}
	switch target := r.Header.Get("X-Amz-Target"); target {
	case "TrentService.GenerateDataKey":
		if in.KeySpec != "AES_256" {
			f.t.Errorf("key spec %q", in.KeySpec)
		}
		plain, blob := newDataKey(), newDataKey()
		f.plain[string(blob)], f.sealed[string(blob)] = plain, fmt.Sprint(in.EncryptionContext)
		out["Plaintext"], out["CiphertextBlob"] = plain, blob
	case "TrentService.Decrypt":
		blob := in.CiphertextBlob
		if f.plain[string(blob)] == nil || f.sealed[string(blob)] != fmt.Sprint(in.EncryptionContext) {
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"__type":"InvalidCiphertextException"}`)
			return
		}
		out["Plaintext"] = f.plain[string(blob)]
	default:
		f.t.Errorf("target %q", target)
	}
	if f.answers != nil {
		f.answers(out)
	}
	json.NewEncoder(w).Encode(out)
}

func TestKMSWrapsAndOpens(t *testing.T) {
	f, k := startKMS(t)
	plain, wrapped, err := k.NewKey(t.Context(), keyARN, streamA)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(plain, f.plain[string(wrapped[1:])]) || wrapped[0] != wrappedByService {
		t.Fatal("the key is not the one of the KMS")
	}
	opened, err := k.OpenKey(t.Context(), keyARN, streamA, wrapped)
	if err != nil || !bytes.Equal(opened, plain) {
		t.Fatalf("opened another key, or %v", err)
	}
	for _, scope := range f.scopes {
		if !strings.HasSuffix(scope, "/eu-central-1/kms/aws4_request") {
			t.Errorf("signed for %q", scope)
		}
	}
	if f.keys[0] != keyARN || f.keys[1] != keyARN {
		t.Errorf("asked for keys %q", f.keys)
	}
	if want := fmt.Sprint(map[string]string{"firehose:stream": streamA.String()}); f.sealed[string(wrapped[1:])] != want {
		t.Errorf("encryption context %s, want %s", f.sealed[string(wrapped[1:])], want)
	}
	_, err = k.OpenKey(t.Context(), keyARN, streamB, wrapped)
	checkError(t, err, "INVALID_KMS_KEY", "InvalidCiphertext")
}

func TestConfiguredKeyGoesBeforeTheKMS(t *testing.T) {
	f, k := startKMS(t)
	_, byService, err := k.NewKey(t.Context(), keyARN, streamA)
	if err != nil {
		t.Fatal(err)
	}
	k.customers[keyARN] = newWrapper(Key{2})
	calls := len(f.keys)
	_, here, err := k.NewKey(t.Context(), keyARN, streamA)
	if err != nil || len(f.keys) != calls {
		t.Fatalf("asked the KMS for a key that the configuration holds, or %v", err)
	}
	// What either wrapped opens by the one that wrapped it.
	if _, err := k.OpenKey(t.Context(), keyARN, streamA, here); err != nil || len(f.keys) != calls {
		t.Fatalf("%d calls, %v", len(f.keys), err)
	}
	if _, err := k.OpenKey(t.Context(), keyARN, streamA, byService); err != nil || len(f.keys) != calls+1 {
		t.Fatalf("%d calls, %v", len(f.keys), err)
	}
}

func TestMovedAliasStillOpens(t *testing.T) {
	const alias = "arn:aws:kms:eu-central-1:123456789012:alias/orders"
	f, k := startKMS(t)
	_, wrapped, err := k.NewKey(t.Context(), alias, streamA)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.OpenKey(t.Context(), alias, streamA, wrapped); err != nil {
		t.Fatal(err)
	}
	if f.keys[0] != alias || f.keys[1] != "" {
		t.Fatalf("asked for keys %q; want the alias, then whichever wrapped it", f.keys)
	}
}

func TestKMSErrorsAreFailuresOfTheModel(t *testing.T) {
	f, k := startKMS(t)
	_, wrapped, err := k.NewKey(t.Context(), keyARN, streamA)
	if err != nil {
		t.Fatal(err)
	}
	test := func(code string, status int, failure string) {
		t.Helper()
		f.fail, f.status = code, status
		_, _, err := k.NewKey(t.Context(), keyARN, streamA)
		checkError(t, err, failure, "the reason")
		checkError(t, err, failure, keyARN)
		_, err = k.OpenKey(t.Context(), keyARN, streamA, wrapped)
		checkError(t, err, failure, "the reason")
	}
	test("NotFoundException", 400, "KMS_KEY_NOT_FOUND")
	test("DisabledException", 400, "DISABLED_KMS_KEY")
	test("AccessDeniedException", 400, "KMS_ACCESS_DENIED")
	test("UnrecognizedClientException", 400, "KMS_ACCESS_DENIED")
	test("ExpiredTokenException", 400, "KMS_ACCESS_DENIED")
	test("KMSInvalidStateException", 400, "INVALID_KMS_KEY")
	test("InvalidKeyUsageException", 400, "INVALID_KMS_KEY")
	test("IncorrectKeyException", 400, "INVALID_KMS_KEY")
	test("OptInRequired", 403, "KMS_OPT_IN_REQUIRED")
	test("KMSInternalException", 500, "UNKNOWN_ERROR")
	test("SomethingNew", 400, "UNKNOWN_ERROR")
}

func TestKMSThatCannotBeAskedIsAnError(t *testing.T) {
	credentials(t)
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	k := open(t, Settings{KMS: server.URL})
	_, _, err := k.NewKey(t.Context(), keyARN, streamA)
	checkError(t, err, "UNKNOWN_ERROR", "GenerateDataKey")
	_, _, err = k.NewKey(t.Context(), "no-arn", streamA)
	checkError(t, err, "INVALID_KMS_KEY", "arn")

	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, _, err = open(t, Settings{KMS: server.URL}).NewKey(t.Context(), keyARN, streamA)
	checkError(t, err, "KMS_ACCESS_DENIED", "no credentials")
}

func TestWrongAnswersOfTheKMSAreRefused(t *testing.T) {
	f, k := startKMS(t)
	test := func(change map[string]any) {
		t.Helper()
		f.answers = nil
		_, wrapped, err := k.NewKey(t.Context(), keyARN, streamA)
		if err != nil {
			t.Fatal(err)
		}
		f.answers = func(out map[string]any) { maps.Copy(out, change) }
		_, _, err = k.NewKey(t.Context(), keyARN, streamA)
		checkError(t, err, "UNKNOWN_ERROR", "no data key of 32 bytes")
		if _, short := change["Plaintext"]; short {
			_, err = k.OpenKey(t.Context(), keyARN, streamA, wrapped)
			checkError(t, err, "UNKNOWN_ERROR", "no data key of 32 bytes")
		}
	}
	test(map[string]any{"Plaintext": []byte("short")})
	test(map[string]any{"CiphertextBlob": []byte{}})
}

func TestAmazonsKMSNeedsNoEndpoint(t *testing.T) {
	credentials(t)
	k := open(t, Settings{KMS: "aws"})
	if e := k.kms.client.Options().BaseEndpoint; e != nil {
		t.Fatalf("endpoint %q", *e)
	}
}
