package awsapi

import (
	"bytes"

	"firehose/internal/record"

	"github.com/segmentio/asm/base64"
)

// parsePut reads the body of a put in the form that nearly all clients send it: the stream's name and the records, in
// either order, nothing more, no escapes but \/ in the data. It is false for everything else, right or wrong, and also
// for what breaks a constraint: the model then says what is to be said. The records are parts of one buffer.
func (b *buffers) parsePut(body []byte, batch bool) (name string, ok bool) {
	b.data = sized(b.data, base64.StdEncoding.DecodedLen(len(body)))[:0]
	b.records = b.records[:0]
	s := scanner{text: body}
	if !s.take('{') {
		return "", false
	}
	named, filled := false, false
	for {
		member, ok := s.plain()
		if !ok || !s.take(':') {
			return "", false
		}
		switch {
		case string(member) == "DeliveryStreamName" && !named:
			text, ok := s.plain()
			if !ok || !validName(text) {
				return "", false
			}
			name, named = string(text), true
		case batch && string(member) == "Records" && !filled:
			filled = b.parseRecords(&s)
		case !batch && string(member) == "Record" && !filled:
			filled = b.parseRecord(&s)
		default:
			return "", false
		}
		if !s.take(',') {
			break
		}
	}
	return name, s.take('}') && s.end() && named && filled
}

func (b *buffers) parseRecords(s *scanner) bool {
	if !s.take('[') {
		return false
	}
	for len(b.records) < batchRecordsMax && b.parseRecord(s) {
		if !s.take(',') {
			return s.take(']')
		}
	}
	return false
}

// parseRecord reads {"Data":"..."}.
func (b *buffers) parseRecord(s *scanner) bool {
	if !s.take('{') {
		return false
	}
	if member, ok := s.plain(); !ok || string(member) != "Data" || !s.take(':') {
		return false
	}
	text, ok := s.quoted()
	return ok && b.decodeData(text) && s.take('}')
}

// decodeData appends a record. The buffer never has to grow: it has room for all of the body.
func (b *buffers) decodeData(text []byte) bool {
	if bytes.IndexByte(text, '\\') >= 0 {
		b.scratch = appendUnescaped(b.scratch[:0], text)
		text = b.scratch
	}
	size := base64.StdEncoding.DecodedLen(len(text))
	if bytes.HasSuffix(text, []byte("==")) {
		size -= 2
	} else if bytes.HasSuffix(text, []byte("=")) {
		size--
	}
	if size > record.SizeMax {
		return false
	}
	start := len(b.data)
	room := b.data[start : start+base64.StdEncoding.DecodedLen(len(text))]
	n, err := base64.StdEncoding.Decode(room, text)
	if err != nil || n != size { // fewer bytes if it passed over line ends
		return false
	}
	b.data = b.data[:start+n]
	b.records = append(b.records, b.data[start:start+n:start+n])
	return true
}

// appendUnescaped turns \/ into a slash. Other escapes stay, and are no base64.
func appendUnescaped(dst, text []byte) []byte {
	for {
		before, behind, found := bytes.Cut(text, []byte(`\/`))
		dst = append(dst, before...)
		if !found {
			return dst
		}
		dst = append(dst, '/')
		text = behind
	}
}

// sized returns a buffer of the given length, the old one if it is large enough.
func sized(b []byte, length int) []byte {
	if cap(b) < length {
		return make([]byte, length)
	}
	return b[:length]
}

// validName says whether a stream's name meets the model's constraints.
func validName(name []byte) bool {
	for _, c := range name {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.', c == '-':
		default:
			return false
		}
	}
	return len(name) >= 1 && len(name) <= nameLengthMax
}

// scanner walks over JSON.
type scanner struct {
	text []byte
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// take passes a character, and space before it, and says whether it was there.
func (s *scanner) take(c byte) bool {
	s.space()
	if s.at == len(s.text) || s.text[s.at] != c {
		return false
	}
	s.at++
	return true
}

// end says whether only space is left.
func (s *scanner) end() bool {
	s.space()
	return s.at == len(s.text)
}

// quoted passes a string and returns what stands between its quotes. A string with an escaped quote comes out short,
// with a backslash at its end.
func (s *scanner) quoted() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	n := bytes.IndexByte(s.text[s.at:], '"')
	if n < 0 {
		return nil, false
	}
	text := s.text[s.at : s.at+n]
	s.at += n + 1
	return text, true
}

// plain passes a string without escapes.
func (s *scanner) plain() ([]byte, bool) {
	text, ok := s.quoted()
	return text, ok && bytes.IndexByte(text, '\\') < 0
}
