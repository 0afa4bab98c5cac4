package mask

import (
	"fmt"
	"strings"
)

const (
	stars       = "***"
	kindPattern = "pattern"
)

// mask appends the mask of a text, which is not empty, or says that it cannot read the text.
type mask func(m *Masker, dst, text []byte) (masked []byte, ok bool)

// kind is a kind of mask.
type kind struct {
	name     string
	mask     mask
	unparsed string            // stands for what mask cannot read
	parts    map[string]shower // components of a structured value that may stay
	keyed    bool              // needs a key
	anything bool              // masks what it cannot read, too
	drop     bool              // takes the member out
	pattern  bool              // masks parts of strings
}

// Kinds lists the kinds of masks with what they are, in the order in which people should see them.
func Kinds() [][2]string {
	return [][2]string{
		{"ssn:last4", "the last four digits of a US social security number show: ***-**-6789"},
		{"email:partial", "first letters and the top-level domain show: j***@e***.com"},
		{"phone:area", "the area code of a North American number shows, the country code of another: 512-***-****, +44-***"},
		{"name:first_letter", "the first letter of each of at most four names shows: J*** S***"},
		{"dob:year", "the year of a date of birth shows: **/**/1980"},
		{"ip:net", "the network of an address shows: /24 of IPv4, /48 of IPv6"},
		{"credential", "nothing shows: ***"},
		{"all", "nothing shows: ***"},
		{"redact", "nothing shows: ***"},
		{"hash", "a keyed hash, equal for equal e-mail addresses, phone numbers, social security numbers or texts"},
		{"hash:email", "a keyed hash of an e-mail address in lower case"},
		{"hash:phone", "a keyed hash of a phone number in E.164"},
		{"hash:ssn", "a keyed hash of the digits of a social security number"},
		{"hash:text", "a keyed hash of the text as it is, without space around it"},
		{"drop", "the member is taken out"},
		{kindPattern, "social security numbers, card numbers, e-mail addresses and phone numbers in free text become [REDACTED]"},
	}
}

func find(r Rule) (kind, error) {
	k := kind{name: strings.ReplaceAll(r.Kind, ": ", ":"), unparsed: stars}
	switch k.name {
	case "ssn:last4":
		k.mask, k.unparsed, k.parts = maskSSN, ssnHidden, ssnParts
	case "email:partial":
		k.mask, k.parts = maskEmail, emailParts
	case "phone:area":
		k.mask, k.parts = maskPhone, phoneParts
	case "name:first_letter":
		k.mask = maskName
	case "dob:year":
		k.mask = maskBirth
	case "ip:net":
		k.mask = maskIP
	case "credential", "all", "redact":
		k.mask, k.anything = maskAll, true
	case "hash":
		k.mask, k.keyed, k.anything = maskHash, true, true
	case "hash:email":
		k.mask, k.keyed, k.anything = maskHashOf(canonicalEmail), true, true
	case "hash:phone":
		k.mask, k.keyed, k.anything = maskHashOf(canonicalPhone), true, true
	case "hash:ssn":
		k.mask, k.keyed, k.anything = maskHashOf(canonicalSSN), true, true
	case "hash:text":
		k.mask, k.keyed, k.anything = maskHashOf(canonicalText), true, true
	case "drop":
		k.drop = true
	case kindPattern:
		k.pattern = true
	default:
		var names []string
		for _, known := range Kinds() {
			names = append(names, known[0])
		}
		return k, fmt.Errorf("kind %q is not known; allowed are %s", r.Kind, strings.Join(names, ", "))
	}
	switch {
	case r.Domain == "":
	case k.name != "email:partial":
		return k, fmt.Errorf("domain %q: only the kind email:partial has a domain", r.Domain)
	case r.Domain != "keep":
		return k, fmt.Errorf("domain %q is not known; allowed is keep, or none", r.Domain)
	default:
		k.mask = maskEmailKeepingDomain
	}
	return k, nil
}

func maskAll(_ *Masker, dst, _ []byte) ([]byte, bool) { return append(dst, stars...), true }

// shower says whether a component, spelled as in the event, shows no more than the mask of its value would.
type shower func(raw []byte) bool

// The components of structured values that may stay, beside a mask of the same kind. All others, and what does not look
// as it should, become ***.
var (
	ssnParts   = map[string]shower{"last_four": digitsBetween(4, 4), "valid": isBool}
	emailParts = map[string]shower{"valid": isBool}
	phoneParts = map[string]shower{"area": digitsBetween(3, 3), "country_code": isCountry, "valid": isBool, "is_tollfree": isBool}
)

func isBool(raw []byte) bool { return raw[0] == 't' || raw[0] == 'f' }

// unquoted returns the inside of a string without looking at escapes, or a number.
func unquoted(raw []byte) []byte {
	if raw[0] == '"' {
		return raw[1 : len(raw)-1]
	}
	return raw
}

func digitsBetween(least, most int) shower {
	return func(raw []byte) bool {
		text := unquoted(raw)
		return len(text) >= least && len(text) <= most && allDigits(text)
	}
}

// isCountry takes calling codes and the two letters of a country.
func isCountry(raw []byte) bool {
	text := unquoted(raw)
	if len(text) == 2 && isLetter(text[0]) && isLetter(text[1]) && raw[0] == '"' {
		return true
	}
	if len(text) > 0 && text[0] == '+' {
		text = text[1:]
	}
	return len(text) >= 1 && len(text) <= 3 && allDigits(text)
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func allDigits(text []byte) bool {
	for _, c := range text {
		if !isDigit(c) {
			return false
		}
	}
	return true
}
