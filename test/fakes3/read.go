package fakes3

import (
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// pageMax is how many keys a page of a list has: few, so that tests meet several pages.
const pageMax = 7

// stored is an object on its way to a client.
type stored struct {
	body     []byte
	encoding string
}

func (o *stored) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/octet-stream")
	if o.encoding != "" {
		w.Header().Set("Content-Encoding", o.encoding)
	}
	w.Write(o.body) // an error here is the client's going away
}

func (s *Server) get(request Request) answer {
	body, ok := s.buckets[request.Bucket][request.Key]
	if !ok {
		return failure(http.StatusNotFound, "NoSuchKey")
	}
	return answer{status: http.StatusOK, etag: etag(body), object: &stored{body, s.headers[request.Bucket+"/"+request.Key]}}
}

func (s *Server) listObjects(bucket string, q url.Values) answer {
	type entry struct {
		Key          string
		Size         int
		LastModified string
	}
	list := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []entry
	}{}
	after := max(q.Get("start-after"), q.Get("continuation-token"))
	for _, key := range slices.Sorted(maps.Keys(s.buckets[bucket])) {
		if !strings.HasPrefix(key, q.Get("prefix")) || key <= after {
			continue
		}
		if len(list.Contents) == pageMax {
			list.IsTruncated, list.NextContinuationToken = true, list.Contents[pageMax-1].Key
			break
		}
		list.Contents = append(list.Contents, entry{key, len(s.buckets[bucket][key]), time.Now().UTC().Format(time.RFC3339)})
	}
	return answer{status: http.StatusOK, body: list}
}
