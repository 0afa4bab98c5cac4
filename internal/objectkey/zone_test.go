package objectkey

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestListedZonesLoadAndObeyThePattern(t *testing.T) {
	pattern := regexp.MustCompile(`^[a-zA-Z/_]+$`)
	listed := 0
	for line := range strings.Lines(zones) {
		if strings.HasPrefix(line, "# ") {
			continue
		}
		name, _, _ := strings.Cut(line, "\t")
		location, err := ParseZone(name)
		if err != nil || location.String() != name || !pattern.MatchString(name) {
			t.Errorf("%q: %v, %v", name, location, err)
		}
		listed++
	}
	if listed < 290 {
		t.Errorf("only %d zones", listed)
	}
}

func TestZonesOutsideTheListAreRefused(t *testing.T) {
	f := func(name string) {
		t.Helper()
		_, err := ParseZone(name)
		if err == nil || err.Error() != unsupportedZone {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"Asia/Kolkata", "Europe/Kyiv", "EST", "GMT", "CET", "PST", "+09:00", "UTC+1", "Etc/GMT", "US/Pacific",
		"America/Port-au-Prince", "asia/tokyo", "Asia/Tokyo ", "Asia/Tokyo\tJST", "Local", "utc", "#", "/", "../etc/passwd"} {
		f(name)
	}
	for _, name := range []string{"", "UTC"} {
		if location, err := ParseZone(name); err != nil || location != time.UTC {
			t.Errorf("%q: %v, %v", name, location, err)
		}
	}
}

func TestAZoneOutsideTheListGoesByItsOwnName(t *testing.T) {
	e := zoneOf(time.FixedZone("XYZ", 3600)).element('z', 4)
	if got := string(e(nil, arrival)); got != "XYZ" {
		t.Errorf("got %q", got)
	}
}
