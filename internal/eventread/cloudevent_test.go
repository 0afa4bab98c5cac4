package eventread

import "testing"

func TestCloudEventsHaveWhatTheirSpecificationAsksFor(t *testing.T) {
	f := func(event, want string) {
		t.Helper()
		if got := noCloudEvent([]byte(event)); got != want {
			t.Errorf("%s\ngot  %q\nwant %q", event, got, want)
		}
	}
	missing := func(name string) string {
		return name + " is missing; a CloudEvent has id, source, type and specversion, which are texts and not empty"
	}
	f(`{"specversion":"1.0","id":"1","source":"/s","type":"t"}`, "")
	f(`{"specversion":"1.0","id":"1","source":"/s","type":"t","partitionkey":"k","data":null}`, "")
	f(`{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"AA==","x":{"data":1}}`, "")
	f(`{"specversion":"0.3","id":"1","source":"/s","type":"t"}`, `specversion is not "1.0"`)
	f(`{"specversion":1.0,"id":"1","source":"/s","type":"t"}`, `specversion is not "1.0"`)
	f(`{"id":2}`, `specversion is not "1.0"`)
	f(`{"specversion":"1.0","id":2,"source":"/s","type":"t"}`, missing("id"))
	f(`{"specversion":"1.0","id":"1","source":"","type":"t"}`, missing("source"))
	f(`{"specversion":"1.0","id":"1","source":"/s","Type":"t"}`, missing("type"))
	f(`{"specversion":"1.0","id":"1","source":"/s","type":"t","data":1,"data_base64":"AA=="}`, "both data and data_base64 are there; want one of them")
}
