package server

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestARequestThatPanicsIsAnsweredAndLogged(t *testing.T) {
	var said bytes.Buffer
	s := &Server{logger: slog.New(slog.NewTextHandler(&said, nil))}
	own := http.NewServeMux()
	own.HandleFunc("/v1/streams", func(http.ResponseWriter, *http.Request) { panic("out of paper") })
	s.ending = t.Context()
	s.doors.Store(&doors{own: own})
	w := httptest.NewRecorder()
	s.serve(w, httptest.NewRequest("GET", "/v1/streams", nil))
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), `"code":"internal"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(said.String(), "out of paper") || !strings.Contains(said.String(), "probe_test.go") {
		t.Errorf("the log says %s", said.String())
	}
}
