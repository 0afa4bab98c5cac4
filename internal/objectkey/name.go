package objectkey

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Name is the last part of an object's key, which no setting but the extension changes.
type Name struct {
	Stream    string
	Version   int            // of the configuration under which the batch was cut
	Time      time.Time      // arrival of the oldest record
	Location  *time.Location // nil is UTC
	Unique    UUID           // from the function Unique
	Extension string         // from Extension
}

// String writes <stream>-<version>-yyyy-MM-dd-HH-mm-ss-<uuid><extension>.
func (n Name) String() string {
	key := make([]byte, 0, len(n.Stream)+len(n.Extension)+80)
	key = append(key, n.Stream...)
	key = append(key, '-')
	key = strconv.AppendInt(key, int64(n.Version), 10)
	key = local(n.Time, n.Location).AppendFormat(key, "-2006-01-02-15-04-05-")
	key = append(key, n.Unique.String()...)
	key = append(key, n.Extension...)
	return string(key)
}

// UUID is an identity in the form of a version 4 UUID.
type UUID [16]byte

// String writes the identity in lower case with dashes.
func (id UUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// Unique makes the unique part of a name from what tells the object from every other: the stream's and the
// destination's identity, the partition key, the position of the first record. Equal parts give an equal result; how
// bytes are spread over the parts matters.
func Unique(parts ...[]byte) UUID {
	id := UUID(digest("unique", parts...))
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

const randomStringLength = 11

// appendRandomString appends what the occurrence-th !{firehose:random-string} of a template stands for.
func appendRandomString(dst, seed []byte, occurrence int) []byte {
	sum := digest("random-string", seed, binary.BigEndian.AppendUint32(nil, uint32(occurrence)))
	text := base32.HexEncoding.EncodeToString(sum[:8])
	return append(dst, strings.ToLower(text[:randomStringLength])...)
}

// digest is SHA-256 of a purpose and parts, each with its length before it.
func digest(purpose string, parts ...[]byte) []byte {
	text := append([]byte(purpose), 0)
	for _, part := range parts {
		text = binary.BigEndian.AppendUint64(text, uint64(len(part)))
		text = append(text, part...)
	}
	sum := sha256.Sum256(text)
	return sum[:]
}

// Extension is what an object's name ends with: the extension of the compression, by the service's word for it, unless
// fileExtension is set and takes its place.
func Extension(compression, fileExtension string) string {
	if fileExtension != "" {
		return fileExtension
	}
	switch compression {
	case "GZIP":
		return ".gz"
	case "ZIP":
		return ".zip"
	case "Snappy", "HADOOP_SNAPPY":
		return ".snappy"
	}
	return ""
}

// local is t in a zone, nil being UTC.
func local(t time.Time, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	return t.In(zone)
}
