package awsapi

import (
	"strings"
	"testing"

	"firehose/internal/native"
	"firehose/internal/stream"
)

// The document refers to credentials, and its addresses are those of webhooks whose path is what keeps others out.
const nativeDocument = `
name: events
destinations:
  - {id: lake, type: s3, s3: {bucket: lake, key: "e/{{year}}/", time_zone: Europe/Berlin}}
  - {id: columns, type: s3, batch: {size: 1KiB, wait: 100ms}, format: {type: csv, columns: [a], compression: lz4}, s3: {bucket: lake, key: "{{a}}/"}}
  - id: partner
    type: http_endpoint
    batch: {size: 4MiB, wait: 90s}
    format: {compression: gzip}
    http_endpoint: {url: "https://partner.example.com/firehose", access_key: "${PARTNER_KEY}", attributes: {team: west}}
    function: {arn: shorten, size: 500KiB}
    errors: {bucket: failures}
  - id: hook
    type: webhook
    webhook: {url: "https://hooks.example.com/services/T0K3N?key=hush", headers: {Authorization: "Bearer ${HOOK_TOKEN}"}, secrets: ["${HOOK_KEY}"]}
`

func TestDescribeShowsANativeStreamAsFarAsItsWordsGo(t *testing.T) {
	d := newDoor(t)
	document, err := native.Parse([]byte(nativeDocument), native.YAML)
	if err != nil {
		t.Fatal(err)
	}
	key := stream.Key{Account: testAccount, Region: testRegion, Name: "events"}
	if _, err := native.Put(t.Context(), d.memory, key, document, native.Options{Now: testTime}); err != nil {
		t.Fatal(err)
	}
	shown := d.described("events")
	golden(t, "describe-native", shown)
	for _, secret := range []string{"T0K3N", "hush", "PARTNER_KEY", "HOOK_TOKEN", "HOOK_KEY"} {
		if strings.Contains(shown, secret) {
			t.Errorf("%s is shown in %s", secret, shown)
		}
	}
}
