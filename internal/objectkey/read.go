package objectkey

import (
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Stem returns what the keys of failed records of a type begin with, up to the first expression that stands for something
// else. Whole says that it is all that stands before an object's name.
func (t *Template) Stem(errorType string) (text string, whole bool) {
	var dst []byte
	for _, segment := range t.segments[:t.stem] {
		dst = segment(dst, &Values{ErrorType: errorType})
	}
	return string(dst), t.stem == len(t.segments)
}

// MatchFailed says whether a key is one that this template gives to failed records of a stream, of one of the types: a
// name that begins otherwise or stands behind another prefix is not. The type is empty if it is no part of the key. The
// extension may be any, since it changes with the destination's settings.
//
// What looks random must come from a seed that is the name's unique part.
func (t *Template) MatchFailed(key, stream string, types ...string) (name Name, errorType string, ok bool) {
	name, ok = t.name(key, stream)
	if !ok {
		return Name{}, "", false
	}
	if !t.errorType {
		types = []string{""}
	}
	prefix := strings.TrimSuffix(key, name.String())
	for _, errorType := range types {
		for _, shift := range shifts {
			at := name
			at.Time = name.Time.Add(shift)
			values := Values{Time: at.Time, Seed: name.Unique[:], ErrorType: errorType}
			if at.String() == name.String() && t.Evaluate(values) == prefix {
				return at, errorType, true
			}
		}
	}
	return Name{}, "", false
}

// shifts lead from one instant to others that a clock shows alike, when it is set back.
var shifts = []time.Duration{0, time.Hour, -time.Hour, 30 * time.Minute, -30 * time.Minute}

// named is a key that ends with a name: all before the version, the version, the time, the unique part, the extension.
var named = regexp.MustCompile(`^(?s:(.*))-([0-9]{1,9})-([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-` +
	`([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(\.[^/]*)?$`)

// name reads the last part of a key, if it is the name of one of a stream's objects.
func (t *Template) name(key, stream string) (Name, bool) {
	parts := named.FindStringSubmatch(key)
	if parts == nil || !strings.HasSuffix(parts[1], stream) {
		return Name{}, false
	}
	zone := t.location
	if zone == nil {
		zone = time.UTC
	}
	n := Name{Stream: stream, Location: zone, Extension: parts[5]}
	var errVersion, errTime error
	n.Version, errVersion = strconv.Atoi(parts[2])
	n.Time, errTime = time.ParseInLocation("2006-01-02-15-04-05", parts[3], zone)
	_, errUnique := hex.Decode(n.Unique[:], []byte(strings.ReplaceAll(parts[4], "-", "")))
	ok := errVersion == nil && errTime == nil && errUnique == nil && strings.HasSuffix(key, n.String())
	return n, ok
}
