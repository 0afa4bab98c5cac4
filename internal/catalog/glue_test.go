package catalog

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"firehose/internal/convert"
	"firehose/internal/verdict"
)

// fakeGlue answers GetTable and GetTableVersion as the reference of AWS Glue describes them. No server that speaks the
// protocol can be had as a Go module, and the real one only with an account, so the official SDK on the other side is
// what keeps it honest.
type fakeGlue struct {
	t *testing.T

	mu     sync.Mutex
	fail   string // error code to answer with
	column string // type of the one column; empty leaves out the columns
	asked  []string
}

func startGlue(t *testing.T, dir string) (*fakeGlue, convert.Tables) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
	t.Setenv("AWS_SESSION_TOKEN", "")
	quietSDK(t)
	f := &fakeGlue{t: t, column: "map<string,int>"}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	c, err := Open(Options{Endpoint: server.URL, Region: "us-west-2", Dir: dir, Refresh: time.Hour, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return f, c
}

// quietSDK keeps the SDK from looking around on the machine, and from trying again.
func quietSDK(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
}

func (f *fakeGlue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var in struct{ CatalogId, DatabaseName, Name, TableName, VersionId string }
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &in)
	}
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		f.t.Errorf("request %s of type %q: %v", r.Method, r.Header.Get("Content-Type"), err)
	}
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AWSGlue.")
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=AKIDEXAMPLE/")
	region := strings.Split(scope+"//", "/")[1]
	f.asked = append(f.asked, strings.Join([]string{operation, region, in.CatalogId, in.DatabaseName, in.Name + in.TableName, in.VersionId}, " "))

	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if f.fail != "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":%q,"Message":"the reason"}`, f.fail)
		return
	}
	table := map[string]any{"Name": in.Name, "CreateTime": 1.7e9, "VersionId": "7", "PartitionKeys": []any{map[string]any{"Name": "dt", "Type": "string"}}}
	if f.column != "" {
		table["StorageDescriptor"] = map[string]any{"Columns": []any{map[string]any{"Name": "a", "Type": f.column, "Comment": "x"}}}
	}
	switch operation {
	case "GetTable":
		json.NewEncoder(w).Encode(map[string]any{"Table": table})
	case "GetTableVersion":
		json.NewEncoder(w).Encode(map[string]any{"TableVersion": map[string]any{"Table": table, "VersionId": in.VersionId}})
	default:
		f.t.Errorf("operation %q", operation)
	}
}

func TestGlueIsAskedForTheTableOfTheStream(t *testing.T) {
	f, c := startGlue(t, "")
	ask := func(r convert.Ref, want string) {
		t.Helper()
		found, err := c.Table(t.Context(), r)
		if err != nil || found.String() != "struct<a:map<string,int>>" {
			t.Errorf("%v, %v", found, err)
		}
		if got := f.asked[len(f.asked)-1]; got != want {
			t.Errorf("asked %q, want %q", got, want)
		}
	}
	ask(orders, "GetTable eu-central-1 123456789012 shop orders ")
	ask(ref("Orders", "3"), "GetTableVersion eu-central-1 123456789012 shop orders 3")
	ask(convert.Ref{CatalogID: "000000000000", Database: "shop", Table: "orders"}, "GetTable us-west-2  shop orders ")
}

func TestGlueErrorsSayWhatToDo(t *testing.T) {
	f, c := startGlue(t, "")
	ask := func(fail, code, fix string) {
		t.Helper()
		f.fail = fail
		_, err := c.Table(t.Context(), orders)
		broken := verdict.AsSetUp(err)
		if code == "" {
			if err == nil || broken != nil {
				t.Errorf("%s: %v, want an error that asks to try again", fail, err)
			}
			return
		}
		if broken == nil || broken.Code != code || !strings.Contains(broken.Fix, fix) || !strings.Contains(err.Error(), "shop.orders") {
			t.Errorf("%s: %v, want %s with a fix that says %q", fail, err, code, fix)
		}
	}
	ask("EntityNotFoundException", "DataFormatConversion.EntityNotFound", `database "shop" and the table "orders"`)
	ask("InvalidInputException", "DataFormatConversion.InvalidInput", "schema configuration")
	ask("AccessDeniedException", "DataFormatConversion.AccessDenied", "glue:GetTable")
	ask("ExpiredTokenException", "DataFormatConversion.AccessDenied", "credentials")
	ask("ThrottlingException", "", "")
	ask("InternalServiceException", "", "")
	f.column = "uniontype<int,string>"
	ask("", "DataFormatConversion.InvalidSchema", "Correct the table's definition")
	f.column = ""
	ask("", "DataFormatConversion.InvalidSchema", "Correct the table's definition")
}

func TestTypeThatCannotBeReadIsNamedWithItsColumn(t *testing.T) {
	f, c := startGlue(t, "")
	f.column = "set<string>"
	_, err := c.Table(t.Context(), orders)
	if err == nil || !strings.Contains(err.Error(), `table shop.orders in Glue`) || !strings.Contains(err.Error(), `column "a": type "set<string>"`) {
		t.Errorf("%v, want table, column and type in it", err)
	}
}

func TestUnreachableGlueAsksToTryAgain(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	startGlue(t, "")
	c, err := Open(Options{Endpoint: gone.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Table(t.Context(), orders); err == nil || verdict.AsSetUp(err) != nil {
		t.Errorf("%v, want an error that asks to try again", err)
	}
}

func TestMissingCredentialsAreASetUpError(t *testing.T) {
	quietSDK(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	c, err := Open(Options{Endpoint: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Table(t.Context(), orders)
	if broken := verdict.AsSetUp(err); broken == nil || broken.Code != "DataFormatConversion.AccessDenied" {
		t.Errorf("%v, want a broken set-up", err)
	}
}

func TestFolderGoesBeforeGlue(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "shop"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "shop", "orders.json"), []byte(body("date")), 0o644); err != nil {
		t.Fatal(err)
	}
	f, c := startGlue(t, dir)
	if found, err := c.Table(t.Context(), orders); err != nil || found.String() != "struct<a:date>" || len(f.asked) > 0 {
		t.Errorf("%v, %v after asking Glue %q", found, err, f.asked)
	}
	if found, err := c.Table(t.Context(), ref("customers", "")); err != nil || found.String() != "struct<a:map<string,int>>" {
		t.Errorf("%v, %v", found, err)
	}
}
