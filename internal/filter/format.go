package filter

import (
	"bytes"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"firehose/internal/jsonscan"
)

// formats says what "format is valid" means of a text, by the name of the format.
var formats = map[string]func(data []byte) bool{
	"date": func(data []byte) bool {
		_, err := time.Parse(time.DateOnly, string(data))
		return err == nil
	},
	"email": func(data []byte) bool {
		address, err := mail.ParseAddress(string(data))
		return err == nil && address.Address == string(data)
	},
	"ip": func(data []byte) bool {
		_, err := netip.ParseAddr(string(data))
		return err == nil
	},
	"number": func(data []byte) bool {
		_, ok := value{kind: number, data: data}.numeral()
		return ok
	},
	"phone":       phonePattern.Match,
	"postal_code": regexp.MustCompile(`^\d{5}(-\d{4})?$`).Match,
	"ssn":         regexp.MustCompile(`^\d{3}[- ]?\d{2}[- ]?\d{4}$`).Match,
	"state":       regexp.MustCompile(`^[A-Za-z]{2}$`).Match,
	"timestamp": func(data []byte) bool {
		_, err := time.Parse(time.RFC3339, string(data))
		return err == nil
	},
	"url": func(data []byte) bool {
		u, err := url.Parse(string(data))
		return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
	},
}

// phonePattern takes 7 to 15 digits with the marks that people put between them, and an extension.
var phonePattern = regexp.MustCompile(`^\+?(?:[ ().-]*\d){7,15}(?: *x\d{1,6})?$`)

// formatOf finds the format that a field's name speaks of: email, or work_email.
func formatOf(path []string) string {
	if len(path) == 0 {
		return ""
	}
	name := strings.ToLower(path[len(path)-1])
	for format := range formats {
		if name == format || strings.HasSuffix(name, "_"+format) {
			return format
		}
	}
	return ""
}

var validMember = jsonscan.Compile([]string{"valid"})

// hasFormat tests a text. An object with a member valid says itself whether it is.
func hasFormat(format string) func(value) bool {
	test := formats[format]
	return func(v value) bool {
		return v.any(func(e value) bool {
			switch e.kind {
			case object:
				var found [1]jsonscan.Value
				err := validMember.Scan(e.data, found[:])
				return err == nil && bytes.Equal(e.data[found[0].Start:found[0].End], []byte("true"))
			case number, text:
				return test(e.data)
			}
			return false
		})
	}
}
