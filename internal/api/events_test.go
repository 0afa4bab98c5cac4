package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"firehose/internal/apikey"
	"firehose/internal/sigv4"
)

// keyStore keeps API keys in memory.
type keyStore map[string]apikey.Key

func (s keyStore) APIKeys() (keys []apikey.Key, err error) {
	for _, k := range s {
		keys = append(keys, k)
	}
	return keys, nil
}
func (s keyStore) SaveAPIKey(k apikey.Key) error { s[k.ID] = k; return nil }
func (s keyStore) RemoveAPIKey(id string) error  { delete(s, id); return nil }

// doorOf returns a door with keys.
func doorOf(t *testing.T, s *streams, v Verifier) (*http.ServeMux, *apikey.Ring) {
	t.Helper()
	ring, err := apikey.Open(keyStore{})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	New(s, Options{Verifier: v, Keys: ring, Account: "111111111111", Region: "us-east-1", Logger: slog.New(slog.DiscardHandler)}).Register(mux)
	return mux, ring
}

// send sends a request and returns its answer.
func send(t *testing.T, mux *http.ServeMux, method, path, key, body string) (status int, answer map[string]any) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%s %s: %q: %v", method, path, w.Body, err)
	}
	return w.Code, answer
}

func TestEventsAreStoredAndTheAnswerCountsThem(t *testing.T) {
	f := func(body string, wantStatus, stored, duplicates, rejected, next int) {
		t.Helper()
		s := &streams{}
		mux, _ := doorOf(t, s, nil)
		status, answer := send(t, mux, "POST", "/v1/streams/b/events", "", body)
		list, _ := answer["rejected"].([]any)
		if status != wantStatus || answer["stored"] != float64(stored) || answer["duplicates"] != float64(duplicates) || len(list) != rejected ||
			answer["next"] != float64(next) || len(s.put) != stored {
			t.Errorf("%.40s: %d %v, put %q", body, status, answer, s.put)
		}
	}
	f(`{"a":1}`, 200, 1, 0, 0, 1)
	f(`[{"a":1},{"again":1},7,{"b":2}]`, 200, 2, 1, 1, 4)
	f(`[1,2]`, 400, 0, 0, 2, 2)
	f(``, 200, 0, 0, 0, 0)
	f(strings.Repeat(`{"a":1}`+"\n", 1203), 200, 1203, 0, 0, 1203)
	f(`{"a":"`+strings.Repeat("x", 1_100_000)+`"}`, 400, 0, 0, 1, 1)
	f(`{"a":1}{"b":`, 400, 1, 0, 0, 1) // what came before is stored
}

func TestResultsAreToldOnRequest(t *testing.T) {
	mux, _ := doorOf(t, &streams{}, nil)
	_, answer := send(t, mux, "POST", "/v1/streams/b/events?results=true", "", `[{"again":1},{"again":2}]`)
	if list, _ := answer["results"].([]any); len(list) != 2 || list[1].(map[string]any)["duplicate"] != true {
		t.Errorf("results: %v", answer)
	}
}

func TestThrottledEventsWaitAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &streams{room: 2, more: 1}
		mux, _ := doorOf(t, s, nil)
		if status, answer := send(t, mux, "POST", "/v1/streams/b/events", "", `[{"a":1},{"a":2},{"a":3},{"a":4}]`); status != 200 || len(s.put) != 4 {
			t.Errorf("%d %v", status, answer)
		}
		s = &streams{room: 2}
		mux, _ = doorOf(t, s, nil)
		status, answer := send(t, mux, "POST", "/v1/streams/b/events", "", `[{"a":1},{"a":2},{"a":3}]`)
		if status != 429 || answer["next"] != 2.0 || answer["stored"] != 2.0 || answer["error"].(map[string]any)["code"] != "slow_down" {
			t.Errorf("%d %v", status, answer)
		}
	})
}

func TestKeysOpenTheDoorAsFarAsTheirRoleGoes(t *testing.T) {
	s := &streams{}
	nobody := signer{err: &sigv4.Error{Type: "MissingAuthenticationTokenException", Message: "Missing Authentication Token"}}
	mux, ring := doorOf(t, s, nobody)
	_, admin, err := ring.Make(apikey.Key{Role: apikey.Admin, Account: aEast.Account, Region: aEast.Region})
	if err != nil {
		t.Fatal(err)
	}
	f := func(key, method, path, body string, wantStatus int) map[string]any {
		t.Helper()
		status, answer := send(t, mux, method, path, key, body)
		if status != wantStatus {
			t.Errorf("%s %s: %d %v", method, path, status, answer)
		}
		return answer
	}
	made := f(admin, "POST", "/v1/keys", `{"role":"producer","streams":["a"],"label":"web"}`, 200)
	producer, id := made["key"].(string), made["id"].(string)
	f(producer, "POST", "/v1/streams/a/events", `{"a":1}`, 200)
	if want := []string{`a {"a":1}`}; !slices.Equal(s.put, want) {
		t.Errorf("put %q", s.put)
	}
	f(producer, "POST", "/v1/streams/b/events", `{"a":1}`, 403)
	f(producer, "POST", "/v1/streams/a:flush", ``, 403)
	f(producer, "POST", "/v1/keys", `{"role":"admin"}`, 403)
	f(producer, "GET", "/v1/keys", ``, 403)
	f("fh_x_y", "POST", "/v1/streams/a/events", `{}`, 401)
	nameless := f("", "POST", "/v1/streams/a/events", `{}`, 403)["error"].(map[string]any)
	if said, _ := nameless["message"].(string); !strings.Contains(said, "Authorization: Bearer") {
		t.Errorf("nobody is told how to say who they are: %v", nameless)
	}
	r := httptest.NewRequest("POST", "/v1/streams/a/events", strings.NewReader(`{}`))
	r.Header.Set("Authorization", "bearer  "+producer) // the scheme's case and further spaces say nothing
	w := httptest.NewRecorder()
	if mux.ServeHTTP(w, r); w.Code != 200 {
		t.Errorf("bearer in small letters: %d %s", w.Code, w.Body)
	}
	f(admin, "POST", "/v1/streams/b/events", `{}`, 404) // of another account
	f(admin, "POST", "/v1/keys", `{"role":"root"}`, 400)
	f(admin, "POST", "/v1/keys", `{"role":"producer","streams":["a/b"]}`, 400)
	f(admin, "POST", "/v1/keys", `{"roles":["producer"]}`, 400)
	list := f(admin, "GET", "/v1/keys", ``, 200)["keys"].([]any)
	if text, _ := json.Marshal(list); len(list) != 2 || strings.Contains(string(text), "digest") || strings.Contains(string(text), producer) {
		t.Errorf("keys: %s", text)
	}
	f(admin, "DELETE", "/v1/keys/"+id, ``, 200)
	f(admin, "DELETE", "/v1/keys/"+id, ``, 404)
	f(producer, "POST", "/v1/streams/a/events", `{"a":1}`, 401)
	s.err = errors.New("disk is on fire")
	f(admin, "POST", "/v1/streams/a/events", `{"a":1}`, 500)
}
