package load

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"time"
)

// Key is an access key that requests are signed with. The zero Key signs nothing.
type Key struct {
	AccessKey string
	SecretKey string
	Region    string
}

// signer signs requests of one operation to one host by AWS Signature Version 4. The general signer of the SDK takes
// longer for a small request than the server does to check it; this one knows which headers there are. It belongs to one
// goroutine.
type signer struct {
	key    Key
	host   string
	target string
	day    string
	mac    hash.Hash // with the key of the day
	text   []byte
}

const signedHeaders = "content-type;host;x-amz-date;x-amz-target"

// appendHeaders appends X-Amz-Date and Authorization for a body with the given hash.
func (s *signer) appendHeaders(head []byte, bodyHash string, now time.Time) []byte {
	at := now.UTC().Format("20060102T150405Z")
	if day := at[:8]; day != s.day {
		s.day, s.mac = day, hmac.New(sha256.New, s.derive(day))
	}
	scope := s.day + "/" + s.key.Region + "/firehose/aws4_request"

	t := append(s.text[:0], "POST\n/\n\ncontent-type:"+contentType+"\nhost:"...)
	t = append(t, s.host...)
	t = append(t, "\nx-amz-date:"...)
	t = append(t, at...)
	t = append(t, "\nx-amz-target:"...)
	t = append(t, s.target...)
	t = append(t, "\n\n"+signedHeaders+"\n"...)
	t = append(t, bodyHash...)
	canonical := sha256.Sum256(t)

	t = append(t[:0], "AWS4-HMAC-SHA256\n"...)
	t = append(t, at...)
	t = append(t, '\n')
	t = append(t, scope...)
	t = append(t, '\n')
	t = hex.AppendEncode(t, canonical[:])
	s.mac.Reset()
	s.mac.Write(t)
	t = s.mac.Sum(t[:0])
	s.text = t

	head = append(head, "X-Amz-Date: "...)
	head = append(head, at...)
	head = append(head, "\r\nAuthorization: AWS4-HMAC-SHA256 Credential="...)
	head = append(head, s.key.AccessKey...)
	head = append(head, '/')
	head = append(head, scope...)
	head = append(head, ", SignedHeaders="+signedHeaders+", Signature="...)
	head = hex.AppendEncode(head, t)
	return append(head, "\r\n"...)
}

// derive returns the signing key of a day.
func (s *signer) derive(day string) []byte {
	key := []byte("AWS4" + s.key.SecretKey)
	for _, part := range []string{day, s.key.Region, "firehose", "aws4_request"} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return key
}
