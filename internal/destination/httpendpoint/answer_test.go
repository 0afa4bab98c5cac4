package httpendpoint

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"firehose/internal/erroroutput"
	"firehose/internal/outbound"
	"firehose/internal/verdict"
)

// Answers in every form but the right one mean that the batch was not delivered.
func TestAnswersAreTakenAtTheirWord(t *testing.T) {
	const id = "8e8d9b7d-6b4f-4b57-8c2a-2f6f0c9d1e11"
	e := &endpoint{Config: Config{AccessKey: "secret-key"}}
	answer := func(status int, contentType, body string) *outbound.Answer {
		return &outbound.Answer{Status: status, Header: http.Header{"Content-Type": {contentType}}, Length: int64(len(body)), Body: []byte(body), Whole: true}
	}
	const mediaType = "application/json"
	good := `{"requestId":"` + id + `","timestamp":1770091506123}`
	accept := func(a *outbound.Answer) {
		t.Helper()
		if err := e.judge(a, id); err != nil {
			t.Errorf("%s: %v", a.Body, err)
		}
	}
	refuse := func(a *outbound.Answer, code, says string) {
		t.Helper()
		err := e.judge(a, id)
		broken := verdict.AsSetUp(err)
		repairable := slices.Contains([]int{301, 307, 401, 403, 404}, a.Status)
		if err == nil || (broken != nil) != repairable || repairable && (!broken.Bounded || broken.Fix == "" || broken.Code != code) {
			t.Errorf("%d %s: %v", a.Status, a.Body, err)
			return
		}
		f := e.Failure(err)
		if f.Type != erroroutput.HTTPEndpoint || f.Code != code || !strings.Contains(f.Message, says) || strings.Contains(f.Message, "secret") {
			t.Errorf("%d %s: %+v, want %s and %q", a.Status, a.Body, f, code, says)
		}
		if got := verdict.AsRefused(err) != nil; got != (a.Status == 413) {
			t.Errorf("%d: finally refused: %t", a.Status, got)
		}
	}
	accept(answer(200, mediaType, good))
	accept(answer(200, mediaType, ` { "timestamp" : 1.770091506123e12 , "errorMessage" : null, "requestId":"`+id+`"}`+"\n"))
	accept(answer(200, mediaType, strings.Replace(good, "{", `{"errorMessage":"all is well",`, 1)))
	accept(answer(200, mediaType, strings.Replace(good, "{", `{"errorMessage":"`+strings.Repeat("é", 8192)+`",`, 1)))

	for _, status := range []int{201, 202, 204, 301, 307, 400, 401, 403, 404, 413, 429, 500, 503} {
		refuse(answer(status, mediaType, good), DestinationFailed, fmt.Sprintf("The following response was received from the endpoint destination. %d: %s", status, good))
	}
	refuse(answer(500, "text/plain", "your key secret-key is wrong\xff"), DestinationFailed, "your key *** is wrong\ufffd")
	refuse(answer(500, "text/plain", strings.Repeat("x", 10_000)), DestinationFailed, strings.Repeat("x", quoteMax))

	refuse(answer(200, "", good), InvalidResponse, "Content-Type")
	refuse(answer(200, "text/plain", good), InvalidResponse, "Content-Type")
	refuse(answer(200, mediaType+"; charset=utf-8", good), InvalidResponse, "Content-Type")
	refuse(answer(200, mediaType, ""), InvalidResponse, "EOF")
	refuse(answer(200, mediaType, "[]"), InvalidResponse, "")
	refuse(answer(200, mediaType, good+good), InvalidResponse, "")
	refuse(answer(200, mediaType, `{}`), InvalidResponse, "no requestId")
	refuse(answer(200, mediaType, `{"requestId":"`+id+`"}`), InvalidResponse, "no timestamp")
	refuse(answer(200, mediaType, `{"requestId":"`+id+`","timestamp":"1770091506123"}`), InvalidResponse, "timestamp")
	refuse(answer(200, mediaType, `{"requestId":"`+id+`","timestamp":null}`), InvalidResponse, "no timestamp")
	refuse(answer(200, mediaType, `{"timestamp":1770091506123}`), InvalidResponse, "no requestId")
	refuse(answer(200, mediaType, strings.ToUpper(good)), InvalidResponse, "")
	refuse(answer(200, mediaType, strings.Replace(good, "8e8d", "8e8e", 1)), InvalidResponse, "not that of the request")
	refuse(answer(200, mediaType, strings.Replace(good, "{", `{"more":1,`, 1)), InvalidResponse, "more")
	refuse(answer(200, mediaType, strings.Replace(good, "{", `{"errorMessage":5,`, 1)), InvalidResponse, "errorMessage")
	refuse(answer(200, mediaType, strings.Replace(good, "{", `{"errorMessage":"`+strings.Repeat("x", 8193)+`",`, 1)), InvalidResponse, "errorMessage")

	coded := answer(200, mediaType, good)
	coded.Header.Set("Content-Encoding", "identity")
	refuse(coded, InvalidResponse, "Content-Encoding")
	chunked := answer(200, mediaType, good)
	chunked.Length = -1
	refuse(chunked, InvalidResponse, "Content-Length")
	long := answer(200, mediaType, good)
	long.Whole = false
	refuse(long, ResponseTooLarge, "too large")
}

func TestAnEndpointMaySayHowLongToWait(t *testing.T) {
	for _, status := range []int{429, 500, 503} {
		a := &outbound.Answer{Status: status, Header: http.Header{"Retry-After": {"9"}}}
		if got := verdict.Delay((&endpoint{}).judge(a, "id")); got != 9*time.Second {
			t.Errorf("%d: %v", status, got)
		}
	}
}
