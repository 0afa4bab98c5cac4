package httpendpoint

import (
	"encoding/json"
	"net/http"
	"testing"

	"firehose/internal/outbound"
)

// Whatever an endpoint answers, nothing counts as delivered but JSON with the request's id and a number for the time.
func FuzzAnswer(f *testing.F) {
	const id = "8e8d9b7d-6b4f-4b57-8c2a-2f6f0c9d1e11"
	f.Add([]byte(`{"requestId":"` + id + `","timestamp":1770091506123}`))
	f.Add([]byte(`{"requestId":"` + id + `","timestamp":"1","errorMessage":null}`))
	f.Add([]byte(`{"requestId":"` + id + `","timestamp":1e400}`))
	f.Add([]byte(`{"requestId":null,"timestamp":[],"requestId":"` + id + `"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a := &outbound.Answer{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Length: int64(len(body)), Body: body, Whole: true}
		if check(a, id) != nil {
			return
		}
		var said map[string]any
		if err := json.Unmarshal(body, &said); err != nil {
			t.Fatalf("%q counts as delivered: %v", body, err)
		}
		if _, number := said["timestamp"].(float64); !number || said["requestId"] != id || len(said) > 3 {
			t.Errorf("%q counts as delivered", body)
		}
	})
}
