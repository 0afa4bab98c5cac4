package test

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const webEvents = "../examples/web-events/"

// startShop starts a node with the stream of the example.
func startShop(t *testing.T) *node {
	n := startNode(t)
	text, err := os.ReadFile(webEvents + "stream.yaml")
	check(t, err)
	n.want(http.StatusCreated, http.MethodPut, "/v1/streams/shop", string(text), "Content-Type: application/yaml")
	return n
}

// visit is what the example's stream says of an event.
type visit struct {
	ID, Event, Page, Browser, Time string
	Props                          map[string]any
}

// visits delivers what there is and returns it by the event's name.
func visits(n *node) (all map[string]visit, count int) {
	n.t.Helper()
	n.flush("shop")
	all = map[string]visit{}
	for _, text := range n.events("lake", "shop") {
		var v visit
		check(n.t, json.Unmarshal([]byte(text), &v))
		all[v.Event] = v
		count++
	}
	return all, count
}

func TestTheExampleOfWebEventsIsPutByTheCommandAndTheCollector(t *testing.T) {
	t.Parallel()
	n := startShop(t)
	said, status := command(t, "put", "shop", webEvents+"events.ndjson", "--url", n.at())
	if status != 0 || !strings.Contains(said, "2 events stored, 1 known already, 0 rejected") {
		t.Errorf("status %d: %s", status, said)
	}
	const from = "Origin: https://shop.example.com"
	const path = "/collect/shop?k=wk_shop_2026"
	got := n.want(http.StatusNoContent, http.MethodPost, path, `{"id":"w-1","event":"opened","props":{"n":1}}`, from, "Content-Type: text/plain", "User-Agent: test")
	if got.header.Get("Access-Control-Allow-Origin") != "https://shop.example.com" {
		t.Errorf("the page may not read the answer: %v", got.header)
	}
	n.want(http.StatusNoContent, http.MethodPost, path, `{"id":"w-1","event":"opened"}`, from) // again
	n.want(http.StatusForbidden, http.MethodPost, path, `{"id":"w-2","event":"stolen"}`, "Origin: https://evil.example.com")
	n.want(http.StatusForbidden, http.MethodPost, "/collect/shop?k=wk_shop_2025", `{"id":"w-3","event":"old"}`, from)
	n.want(http.StatusBadRequest, http.MethodPost, path, `{"id":"w-4","event":"x","password":"y"}`, from)
	pixel := n.want(http.StatusOK, http.MethodGet, path+"&event=seen", "", "Referer: https://shop.example.com/a")
	if pixel.header.Get("Content-Type") != "image/gif" || len(pixel.body) != 43 || pixel.header.Get("X-Firehose-Error") != "" {
		t.Errorf("the pixel is %d bytes, %v", len(pixel.body), pixel.header)
	}
	n.kill()
	n.start()
	n.want(http.StatusNoContent, http.MethodPost, path, `{"id":"w-1","event":"opened"}`, from) // and after a crash
	all, count := visits(n)
	if count != 4 || all["opened"].Browser != "test" || all["opened"].Props["n"] != 1.0 || all["seen"].Page != "https://shop.example.com/a" || all["shipped"].ID != "o-2" {
		t.Errorf("%d events: %+v", count, all)
	}
}

// browser returns a Chromium, or skips the test.
func browser(t *testing.T) string {
	for _, name := range []string{os.Getenv("FIREHOSE_TEST_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(cmp.Or(name, "none")); err == nil {
			return path
		}
	}
	t.Skip("there is no browser: install chromium, or name one in FIREHOSE_TEST_CHROMIUM")
	return ""
}

func TestABrowserSendsEventsOfAPageFromElsewhere(t *testing.T) {
	t.Parallel()
	chromium := browser(t)
	n := startShop(t)
	text, err := os.ReadFile(webEvents + "page.html")
	check(t, err)
	page := strings.ReplaceAll(string(text), "http://127.0.0.1:4573", n.at())
	if page == string(text) {
		t.Fatal("the page does not name the server")
	}
	const press = "<script>document.getElementById('buy').click()</script>"
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/shop" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte(page + press))
	}))
	t.Cleanup(site.Close)
	// The page is at localhost, and the node is at 127.0.0.1: another site.
	address := strings.Replace(site.URL, "127.0.0.1", "localhost", 1)
	out := &output{}
	p := spawn(t, "chromium", exec.Command(chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
		"--remote-debugging-port=0", "--user-data-dir="+t.TempDir(), address+"/shop"), out)
	defer func() {
		if t.Failed() {
			t.Logf("the browser says: %s", out.tail(4<<10))
		}
	}()
	var all map[string]visit
	count := 0
	wait(t, time.Minute, "the events of the page", func() (bool, string) {
		select {
		case <-p.ended:
			t.Fatalf("the browser ended: %v", p.err)
		default:
		}
		all, count = visits(n)
		return count >= 3, out.tail(1 << 10)
	})
	p.kill()
	if all["seen"].Page != address+"/" || all["opened"].Page != "/shop" || all["opened"].Props["title"] != "Shop" || all["bought"].Props["article"] != 17.0 || count != 3 {
		t.Errorf("%d events: %+v", count, all)
	}
	if all["opened"].ID == "" || !strings.Contains(all["bought"].Browser, "Chrome") || all["bought"].Time == "" {
		t.Errorf("%+v", all)
	}
}
