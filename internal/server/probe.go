package server

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"firehose/internal/collect"
	"firehose/internal/control"
)

func tlsListener(l net.Listener, c *tls.Config) net.Listener { return tls.NewListener(l, c) }

// serve answers probes at any time, and all else once the doors are open. A request that panics is logged with its stack, and
// answered if nothing was yet.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler {
			panic(p)
		}
		s.logger.Error("A request panicked.", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		answerJSON(w, http.StatusInternalServerError, map[string]any{"error": map[string]string{"code": "internal", "message": "the server's log says what went wrong"}})
	}()
	switch r.URL.Path {
	case "/healthz":
		s.healthz(w)
		return
	case "/readyz":
		s.readyz(w)
		return
	case "/metrics":
		promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
		return
	}
	doors := s.doors.Load()
	if doors == nil || s.stopping.Load() {
		answerJSON(w, http.StatusServiceUnavailable, map[string]string{"__type": "ServiceUnavailableException", "message": "The server is starting or stopping."})
		return
	}
	switch {
	case strings.HasPrefix(r.URL.Path, collect.Path):
		doors.pages.ServeHTTP(w, r)
		return
	case !strings.HasPrefix(r.URL.Path, "/v1/"):
		doors.amazon.ServeHTTP(w, r)
		return
	}
	// Such a request may wait for a delivery; stopping must not wait with it.
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.ending, cancel)()
	doors.own.ServeHTTP(w, r.WithContext(ctx))
}

// healthz answers 200 while the process is alive, with what somebody should look at.
func (s *Server) healthz(w http.ResponseWriter) {
	answer := struct {
		Status   string            `json:"status"` // ok, degraded, starting or stopping
		Problems []control.Problem `json:"problems"`
	}{Status: "ok", Problems: []control.Problem{}}
	ctl := s.control.Load()
	switch {
	case s.stopping.Load():
		answer.Status = "stopping"
	case ctl == nil:
		answer.Status = "starting"
	default:
		if answer.Problems = ctl.Problems(); len(answer.Problems) > 0 {
			answer.Status = "degraded"
		}
	}
	answerJSON(w, http.StatusOK, answer)
}

// readyz answers 200 when the node takes and delivers records, and otherwise 503 with the reasons. A destination that
// is broken is a problem of its stream and no reason to send everybody else's records away.
func (s *Server) readyz(w http.ResponseWriter) {
	reasons := []string{}
	doors := s.doors.Load()
	if doors == nil {
		reasons = append(reasons, "the server is starting")
	}
	if s.stopping.Load() {
		reasons = append(reasons, "the server is stopping")
	}
	if reason, refused := s.room.refused(); refused {
		reasons = append(reasons, fmt.Sprintf("the log refuses puts for want of room (%s)", reason))
	} else if doors != nil && !doors.hasRoom() {
		reasons = append(reasons, "the disk has less room than log.min_free, which puts leave free")
	}
	status := http.StatusOK
	if len(reasons) > 0 {
		status = http.StatusServiceUnavailable
	}
	answerJSON(w, status, map[string]any{"ready": len(reasons) == 0, "reasons": reasons})
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // an error here is the client's going away
}

// refusedFor is how long a refusal counts when no append has succeeded since.
const refusedFor = 30 * time.Second
