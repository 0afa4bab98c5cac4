package batch

import (
	"slices"
	"testing"
)

func FuzzPartitionsAreToldApart(f *testing.F) {
	f.Add("a", "b", "a:b", "")
	f.Add("1:a", "", "1", ":a")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		one, other := []string{a, b}, []string{c, d}
		joined := string(JoinPartition(nil, one))
		if got := SplitPartition(joined); !slices.Equal(got, one) {
			t.Errorf("%q is joined as %q and split into %q", one, joined, got)
		}
		if same := string(JoinPartition(nil, other)) == joined; same != slices.Equal(one, other) {
			t.Errorf("%q and %q are joined alike", one, other)
		}
		SplitPartition(a)
	})
}
