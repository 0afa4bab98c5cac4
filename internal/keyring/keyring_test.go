package keyring

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"firehose/internal/disk"
	"firehose/internal/disk/disktest"
	"firehose/internal/record"
)

const keyARN = "arn:aws:kms:eu-central-1:123456789012:key/11112222-3333-4444-5555-666677778888"

var (
	streamA = record.StreamID{1}
	streamB = record.StreamID{2}
)

func open(t testing.TB, s Settings) *Keyring {
	t.Helper()
	if s.FS == nil {
		s.FS = disk.OS
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	k, err := Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// checkError checks the text and the failure type of an error. Type "" stands for an error without one.
func checkError(t *testing.T, err error, failure, text string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want %q", text)
	}
	if !strings.Contains(err.Error(), text) {
		t.Fatalf("error %q; want %q", err, text)
	}
	got := ""
	if typed, ok := errors.AsType[*Error](err); ok {
		got = typed.Type
	}
	if got != failure {
		t.Fatalf("failure %q of %q; want %q", got, err, failure)
	}
}

func TestDataKeysOpenForTheirStreamOnly(t *testing.T) {
	ctx := t.Context()
	k := open(t, Settings{MasterKey: &Key{1}, CustomerKeys: map[string]Key{keyARN: {2}}})
	for _, arn := range []string{"", keyARN} {
		plain, wrapped, err := k.NewKey(ctx, arn, streamA)
		if err != nil {
			t.Fatal(err)
		}
		if len(plain) != 32 || len(wrapped) != wrappedSize || bytes.Contains(wrapped, plain) {
			t.Fatalf("data key of %d bytes, wrapped in %d", len(plain), len(wrapped))
		}
		opened, err := k.OpenKey(ctx, arn, streamA, wrapped)
		if err != nil || !bytes.Equal(opened, plain) {
			t.Fatalf("opened another key, or %v", err)
		}
		other, _, err := k.NewKey(ctx, arn, streamA)
		if err != nil || bytes.Equal(other, plain) {
			t.Fatalf("made the same key twice, or %v", err)
		}
		if _, err := k.OpenKey(ctx, arn, streamB, wrapped); err == nil {
			t.Fatal("another stream opened the key")
		}
	}
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	ctx := t.Context()
	k := open(t, Settings{MasterKey: &Key{1}, CustomerKeys: map[string]Key{keyARN: {2}}})
	wrap := func(arn string) []byte {
		_, wrapped, err := k.NewKey(ctx, arn, streamA)
		if err != nil {
			t.Fatal(err)
		}
		return wrapped
	}
	opens := func(k *Keyring, arn string, id record.StreamID, wrapped []byte, failure, text string) {
		t.Helper()
		plain, err := k.OpenKey(ctx, arn, id, wrapped)
		checkError(t, err, failure, text)
		if plain != nil {
			t.Fatal("a key came with the error")
		}
	}
	own, customer := wrap(""), wrap(keyARN)
	opens(k, "", streamB, own, "", "damaged, or belongs to another stream")
	opens(k, keyARN, streamB, customer, "INVALID_KMS_KEY", "damaged, or belongs to another stream")
	opens(k, "", streamA, nil, "", "damaged")
	opens(k, "", streamA, own[:wrappedSize-1], "", "damaged")
	opens(k, "", streamA, append([]byte{9}, own[1:]...), "", "layout 9")
	opens(k, "", streamA, customer, "", "another master key")
	opens(k, keyARN, streamA, append([]byte{wrappedByService}, own[1:]...), "KMS_KEY_NOT_FOUND", "kms.endpoint")

	other := open(t, Settings{MasterKey: &Key{9}, CustomerKeys: map[string]Key{keyARN: {9}}})
	opens(other, "", streamA, own, "", "another master key")
	opens(other, keyARN, streamA, customer, "INVALID_KMS_KEY", "another master key")

	none := open(t, Settings{MasterKey: &Key{1}})
	opens(none, keyARN, streamA, customer, "KMS_KEY_NOT_FOUND", "kms.keys")
	_, _, err := none.NewKey(ctx, keyARN, streamA)
	checkError(t, err, "KMS_KEY_NOT_FOUND", "give it in kms.keys, or set kms.endpoint")
}

func TestEveryChangedBitIsNoticed(t *testing.T) {
	k := open(t, Settings{MasterKey: &Key{1}})
	_, wrapped, err := k.NewKey(t.Context(), "", streamA)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(wrapped) * 8 {
		changed := bytes.Clone(wrapped)
		changed[bit/8] ^= 1 << (bit % 8)
		if _, err := k.OpenKey(t.Context(), "", streamA, changed); err == nil {
			t.Fatalf("bit %d changed, and the key opened", bit)
		}
	}
}

func TestMasterKeyFileIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "master.key")
	var log bytes.Buffer
	k := open(t, Settings{MasterKeyFile: name, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if _, err := os.Stat(name); !os.IsNotExist(err) {
		t.Fatalf("the file is there before it is needed: %v", err)
	}
	var made sync.WaitGroup
	plain, wrapped := make([][]byte, 20), make([][]byte, 20)
	for i := range plain {
		made.Go(func() {
			var err error
			if plain[i], wrapped[i], err = k.NewKey(t.Context(), "", streamA); err != nil {
				t.Error(err)
			}
		})
	}
	made.Wait()

	later := open(t, Settings{MasterKeyFile: name})
	for i := range plain {
		opened, err := later.OpenKey(t.Context(), "", streamA, wrapped[i])
		if err != nil || !bytes.Equal(opened, plain[i]) {
			t.Fatalf("key %d after a restart: %v", i, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("folder holds %v, %v", entries, err)
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(string(text), "\n")); err != nil || len(key) != 32 {
		t.Fatalf("file of %d bytes, %v", len(key), err)
	}
	if strings.Count(log.String(), "level=WARN") != 1 || !strings.Contains(log.String(), name) {
		t.Fatalf("log:\n%s", &log)
	}
	if strings.Contains(log.String(), strings.TrimSpace(string(text))) {
		t.Fatal("the log shows the key")
	}
}

func TestMissingMasterKeyIsNotReplaced(t *testing.T) {
	name := filepath.Join(t.TempDir(), "master.key")
	_, wrapped, err := open(t, Settings{MasterKeyFile: name}).NewKey(t.Context(), "", streamA)
	if err != nil {
		t.Fatal(err)
	}
	away := name + ".away"
	if err := os.Rename(name, away); err != nil {
		t.Fatal(err)
	}
	k := open(t, Settings{MasterKeyFile: name})
	_, err = k.OpenKey(t.Context(), "", streamA, wrapped)
	checkError(t, err, "", "is missing")
	_, _, err = k.NewKey(t.Context(), "", streamB)
	checkError(t, err, "", "is missing")
	if _, err := os.Stat(name); !os.IsNotExist(err) {
		t.Fatalf("another file was made: %v", err)
	}
	if err := os.Rename(away, name); err != nil {
		t.Fatal(err)
	}
	if _, err := k.OpenKey(t.Context(), "", streamA, wrapped); err != nil {
		t.Fatalf("the file is back: %v", err)
	}
}

func TestWrongMasterKeyFileIsLeftAlone(t *testing.T) {
	test := func(content string) {
		t.Helper()
		name := filepath.Join(t.TempDir(), "master.key")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := open(t, Settings{MasterKeyFile: name}).NewKey(t.Context(), "", streamA)
		checkError(t, err, "", "does not hold base64 of 32 bytes")
		if strings.TrimSpace(content) != "" && strings.Contains(err.Error(), content) {
			t.Fatalf("the error shows the content: %v", err)
		}
		if now, err := os.ReadFile(name); err != nil || string(now) != content {
			t.Fatalf("the file holds %q, %v", now, err)
		}
	}
	test("")
	test("\n")
	test("not base64 at all!")
	test(base64.StdEncoding.EncodeToString(make([]byte, 31)))
	test(base64.StdEncoding.EncodeToString(make([]byte, 33)))
	test(strings.Repeat("A", 5000))
}

func TestReadableMasterKeyFileIsReported(t *testing.T) {
	name := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(name, []byte(base64.StdEncoding.EncodeToString(make([]byte, 32))), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	k := open(t, Settings{MasterKeyFile: name, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if _, _, err := k.NewKey(t.Context(), "", streamA); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "Everybody on this machine") {
		t.Fatalf("log: %s", &log)
	}
}

// TestMasterKeySurvivesWhateverFails lets each disk operation fail in turn, tries again, and then takes the power away:
// a data key that was given out must open.
func TestMasterKeySurvivesWhateverFails(t *testing.T) {
	failed := 0
	for skip := range 12 {
		fsys := disktest.New(uint64(skip))
		if err := disk.MkdirAllSync(fsys, "/data"); err != nil {
			t.Fatal(err)
		}
		fsys.Inject(disktest.Fault{Op: disktest.Any, Skip: skip, Times: 1, Short: 7, Err: errors.New("broken")})
		k := open(t, Settings{MasterKeyFile: "/data/master.key", FS: fsys})
		_, wrapped, err := k.NewKey(t.Context(), "", streamA)
		if err != nil {
			failed++
			checkError(t, err, "", "broken")
			if _, wrapped, err = k.NewKey(t.Context(), "", streamA); err != nil {
				t.Fatalf("after operation %d failed once: %v", skip, err)
			}
		}
		after := open(t, Settings{MasterKeyFile: "/data/master.key", FS: fsys.Crash(disktest.Lost)})
		if _, err := after.OpenKey(t.Context(), "", streamA, wrapped); err != nil {
			t.Fatalf("operation %d failed, then the power: %v", skip, err)
		}
	}
	if failed < 5 {
		t.Fatalf("only %d operations failed", failed)
	}
}

// TestRestartMakesAMasterKeyDurable is about a process that dies between giving the file its name and syncing the
// folder: what the next one wraps by that key must open after a loss of power.
func TestRestartMakesAMasterKeyDurable(t *testing.T) {
	fsys := disktest.New(1)
	if err := disk.MkdirAllSync(fsys, "/data"); err != nil {
		t.Fatal(err)
	}
	content := base64.StdEncoding.EncodeToString(make([]byte, 32))
	if err := writeDurably(fsys, "/data/master.key", []byte(content)); err != nil {
		t.Fatal(err)
	}
	_, wrapped, err := open(t, Settings{MasterKeyFile: "/data/master.key", FS: fsys}).NewKey(t.Context(), "", streamA)
	if err != nil {
		t.Fatal(err)
	}
	after := open(t, Settings{MasterKeyFile: "/data/master.key", FS: fsys.Crash(disktest.Lost)})
	if _, err := after.OpenKey(t.Context(), "", streamA, wrapped); err != nil {
		t.Fatal(err)
	}
}

// A data key for streamA, in the clear and wrapped by Key{1}. It stands for all that catalogues hold: it opens for ever.
const (
	keptPlain   = "2bd3e7448f2ca68b060069042d92a635e3694fffdb240b00b8716eb7bec1f053"
	keptWrapped = "018ac2429dfeb5ad64612485e553a151f5731d202d4f3803bad3aef785770fc785a75d06a3c44aa1582f0bd087aca57130529ab3c537f2287502936de13101d85ab35d92e4"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestKeptKeysOpen(t *testing.T) {
	k := open(t, Settings{MasterKey: &Key{1}})
	plain, err := k.OpenKey(t.Context(), "", streamA, unhex(t, keptWrapped))
	if err != nil || !bytes.Equal(plain, unhex(t, keptPlain)) {
		t.Fatalf("opened %x, %v", plain, err)
	}
}

func FuzzOpenKey(f *testing.F) {
	k := open(f, Settings{MasterKey: &Key{1}})
	kept := unhex(f, keptWrapped)
	f.Add(kept)
	f.Add(kept[:headSize])
	f.Add([]byte{wrappedByService, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := k.OpenKey(t.Context(), "", streamA, data); err == nil && !bytes.Equal(data, kept) {
			t.Fatalf("%x opened", data)
		}
	})
}
