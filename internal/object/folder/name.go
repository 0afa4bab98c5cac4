package folder

import (
	"strings"
	"unicode/utf8"
)

// nameMax is how many bytes a name may have in the file systems there are.
const nameMax = 255

// more ends the name of a folder in which a part of a key goes on. No part of a key is written so.
const more = "%+"

// Path returns where an object lies, relative to the store's folder. Parts of a key that a file system cannot hold or
// would take for something else (empty ones, "." and "..", NUL) are written with percent signs; so are the percent sign,
// and a slash in a bucket's name. A part that is too long for a name goes on in a folder.
func Path(bucket, key string) string {
	parts := strings.Split(key, "/")
	for i, part := range parts {
		parts[i] = fold(escape(part))
	}
	return bucketsFolder + "/" + strings.ReplaceAll(escape(bucket), "/", "%2F") + "/" + strings.Join(parts, "/")
}

// Key is the inverse of Path for what follows the bucket, and for the bucket alone.
func Key(relative string) string {
	var key strings.Builder
	for part, rest, follows := strings.Cut(relative, "/"); ; part, rest, follows = strings.Cut(rest, "/") {
		part, goesOn := strings.CutSuffix(part, more)
		if part != "%" {
			key.WriteString(unescape(part))
		}
		if !follows {
			return key.String()
		}
		if !goesOn {
			key.WriteByte('/')
		}
	}
}

func escape(part string) string {
	switch part {
	case "":
		return "%"
	case ".", "..":
		return strings.ReplaceAll(part, ".", "%2E")
	}
	return strings.NewReplacer("%", "%25", "\x00", "%00").Replace(part)
}

func unescape(part string) string {
	if !strings.Contains(part, "%") {
		return part
	}
	return strings.NewReplacer("%25", "%", "%2E", ".", "%00", "\x00", "%2F", "/").Replace(part)
}

// fold divides a name that is too long, between characters.
func fold(name string) string {
	if len(name) <= nameMax {
		return name
	}
	at := nameMax - len(more)
	for i := range utf8.UTFMax {
		if utf8.RuneStart(name[at-i]) {
			at -= i
			break
		}
	}
	if sign := strings.LastIndexByte(name[:at], '%'); sign > at-3 { // in the midst of %25
		at = sign
	}
	rest := name[at:]
	if rest == "." || rest == ".." {
		rest = escape(rest)
	}
	return name[:at] + more + "/" + fold(rest)
}
