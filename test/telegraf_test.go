package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// telegrafBinary builds Telegraf with the plug-ins that tests use unless that was done before, and returns its path.
var telegrafBinary = sync.OnceValues(func() (string, error) {
	return buildTool(filepath.Join("tools", "telegraf"), "github.com/influxdata/telegraf/cmd/telegraf",
		"-tags=custom,inputs.firehose,parsers.value,outputs.file,serializers.json")
})

// telegraf is a running Telegraf, whose firehose input is a receiver of Amazon's HTTP endpoint protocol that others wrote
// from its description. It speaks TLS, takes the records of each stream at a path of its name, and writes them to a file.
type telegraf struct {
	t           *testing.T
	dir         string
	address     string
	certificate string // that nodes must trust
	taken       string // the file
	streams     []string
	out         *output
	proc        *process
}

// telegrafConfig has its address, the paths, the access key, the certificate and its key, and the file. Each record becomes
// a metric whose value is the record's bytes in base64, with the path and the common attribute "site" as tags.
const telegrafConfig = `
[agent]
  interval = "1s"
  flush_interval = "100ms"
  metric_buffer_limit = 1000000
  omit_hostname = true
[[inputs.firehose]]
  service_address = %q
  paths = ["/%s"]
  access_key = %q
  tls_cert = %q
  tls_key = %q
  parameter_tags = ["site"]
  data_format = "value"
  data_type = "base64"
[[outputs.file]]
  files = [%q]
  data_format = "json"
`

// startTelegraf starts Telegraf for streams. It wants the access key given.
func startTelegraf(t *testing.T, key string, streams ...string) *telegraf {
	t.Helper()
	slow(t, "it starts Telegraf, which is built first if that was not done before")
	dir := t.TempDir()
	g := &telegraf{t: t, dir: dir, address: freeAddress(t), streams: streams,
		certificate: filepath.Join(dir, "cert.pem"), taken: filepath.Join(dir, "taken")}
	writeCertificate(t, g.certificate, g.private())
	g.start(key)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("telegraf:\n%s", g.out.tail(4<<10))
		}
	})
	return g
}

func (g *telegraf) private() string { return filepath.Join(g.dir, "key.pem") }

// start starts it with an access key, and returns when it listens.
func (g *telegraf) start(key string) {
	g.t.Helper()
	binary, err := telegrafBinary()
	if err != nil {
		g.t.Skipf("there is no Telegraf to deliver to: %v", err)
	}
	settings := filepath.Join(g.dir, "telegraf.conf")
	check(g.t, os.WriteFile(settings, fmt.Appendf(nil, telegrafConfig, g.address, strings.Join(g.streams, `", "/`), key,
		g.certificate, g.private(), g.taken), 0o600))
	g.out = &output{}
	cmd := exec.Command(binary, "--config", settings)
	cmd.Env = environment()
	g.proc = spawn(g.t, "telegraf", cmd, g.out)
	wait(g.t, 20*time.Second, "telegraf", func() (bool, string) {
		select {
		case <-g.proc.ended:
			g.t.Fatalf("telegraf ended: %v", g.proc.err)
		default:
		}
		return strings.Contains(g.out.tail(64<<10), "Listening on "+g.address), g.out.tail(1 << 10)
	})
}

// stop ends it after it has written all that it took.
func (g *telegraf) stop() {
	g.t.Helper()
	check(g.t, g.proc.terminate(g.t, 20*time.Second))
}

// url is where it takes the records of a stream.
func (g *telegraf) url(stream string) string { return "https://" + g.address + "/" + stream }

// metric is a line of what Telegraf has taken.
type metric struct {
	Fields struct{ Value []byte }
	Tags   struct{ Path, Site string }
}

// records returns how often each record of a stream was taken. All of them must have come with the common attribute.
func (g *telegraf) records(stream, site string) map[string]int {
	g.t.Helper()
	text, err := os.ReadFile(g.taken)
	check(g.t, err)
	counts := map[string]int{}
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // it is still being written
		}
		var m metric
		check(g.t, json.Unmarshal(line, &m))
		if m.Tags.Path != "/"+stream {
			continue
		}
		if m.Tags.Site != site {
			g.t.Fatalf("%s: a record came with the attribute %q, want %q", stream, m.Tags.Site, site)
		}
		counts[string(m.Fields.Value)]++
	}
	return counts
}

// arrive waits until every record of a stream was taken, and checks that each was once and nothing else.
func (g *telegraf) arrive(stream, site string, records []string) {
	g.t.Helper()
	var counts map[string]int
	wait(g.t, 60*time.Second, "records of "+stream, func() (bool, string) {
		counts = g.records(stream, site)
		return len(counts) >= len(records), fmt.Sprintf("%d of %d are there", len(counts), len(records))
	})
	wrong := complaints{t: g.t}
	for _, r := range records {
		if counts[r] != 1 {
			wrong.add("%s: record %.40q is there %d times", stream, r, counts[r])
		}
		delete(counts, r)
	}
	for r := range counts {
		wrong.add("%s: %.40q was never put", stream, r)
	}
	wrong.end()
}

// byAmazon creates a stream through Amazon's API that delivers to it, and waits until it is active.
func (g *telegraf) byAmazon(n *node, name, site string, encoding types.ContentEncoding) {
	n.t.Helper()
	_, err := n.api().CreateDeliveryStream(n.t.Context(), &firehose.CreateDeliveryStreamInput{
		DeliveryStreamName: &name,
		HttpEndpointDestinationConfiguration: &types.HttpEndpointDestinationConfiguration{
			EndpointConfiguration: &types.HttpEndpointConfiguration{Url: aws.String(g.url(name)), Name: aws.String("Telegraf"), AccessKey: aws.String(endpointKey)},
			BufferingHints:        &types.HttpEndpointBufferingHints{SizeInMBs: aws.Int32(1), IntervalInSeconds: aws.Int32(1)},
			RequestConfiguration: &types.HttpEndpointRequestConfiguration{ContentEncoding: encoding, CommonAttributes: []types.HttpEndpointCommonAttribute{
				{AttributeName: aws.String("site"), AttributeValue: &site}, {AttributeName: aws.String("other"), AttributeValue: aws.String("")}}},
			RetryOptions:    &types.HttpEndpointRetryOptions{DurationInSeconds: aws.Int32(3600)},
			RoleARN:         aws.String(role),
			S3BackupMode:    types.HttpEndpointS3BackupModeFailedDataOnly,
			S3Configuration: &types.S3DestinationConfiguration{RoleARN: aws.String(role), BucketARN: aws.String("arn:aws:s3:::" + bucket)},
		}})
	check(n.t, err)
	wait(n.t, 10*time.Second, "stream "+name, func() (bool, string) {
		d := describe(n.t, n.api(), name)
		return d.DeliveryStreamStatus == types.DeliveryStreamStatusActive, string(d.DeliveryStreamStatus)
	})
}

// natively declares a stream in the product's own language that delivers to it.
func (g *telegraf) natively(n *node, name, site, compression string) {
	n.t.Helper()
	n.want(http.StatusCreated, http.MethodPut, "/v1/streams/"+name, fmt.Sprintf("destinations:\n"+
		"  - {id: telegraf, type: http_endpoint, batch: {count: 90, wait: 1s}, format: {compression: %s},\n"+
		"     http_endpoint: {url: %q, access_key: \"${ENDPOINT_KEY}\", attributes: {site: %q, other: \"\"}}}\n", compression, g.url(name), site))
}

// startNode starts a node that trusts it and knows the key.
func (g *telegraf) startNode() *node {
	n := newNode(g.t)
	n.env = append(receiverEnv(), "SSL_CERT_FILE="+g.certificate)
	n.start()
	return n
}

// putLines puts records to a stream, and returns them.
func putLines(n *node, stream string, count int) (records []string) {
	n.t.Helper()
	for i := range count {
		records = append(records, string(line(fmt.Sprintf("%s-%d", stream, i))))
	}
	for chunk := range slices.Chunk(records, 200) {
		n.putData(stream, chunk...)
	}
	return records
}

func TestTelegrafTakesEveryRecordOnce(t *testing.T) {
	t.Parallel()
	streams := []string{"plain", "zipped", "native", "native-zipped"}
	g := startTelegraf(t, endpointKey, streams...)
	n := g.startNode()
	const site = `Zürich ☃ 😀 "1"`
	g.byAmazon(n, "plain", site, types.ContentEncodingNone)
	g.byAmazon(n, "zipped", site, types.ContentEncodingGzip)
	g.natively(n, "native", site, "none")
	g.natively(n, "native-zipped", site, "gzip")
	put := map[string][]string{}
	for _, stream := range streams {
		put[stream] = putLines(n, stream, 3000)
	}
	for _, stream := range []string{"plain", "zipped"} { // Amazon's streams take what is no event
		more := []string{"\x00\x01\xff\xfe", "no line's end", "{\"a\":1}\n{\"b\":2}\n", strings.Repeat("long ", 200_000)}
		n.putData(stream, more...)
		put[stream] = append(put[stream], more...)
	}
	for stream, records := range put {
		g.arrive(stream, site, records)
	}
	n.stop()
	if said := g.out.tail(64 << 10); strings.Contains(said, " E! ") {
		t.Errorf("Telegraf complains:\n%s", said)
	}
	g.stop()
	for stream, records := range put {
		g.arrive(stream, site, records) // and nothing came after that
	}
}

func TestTelegrafWithAnotherKeyTakesNothingAndEverythingOnceItIsCorrected(t *testing.T) {
	t.Parallel()
	streams := []string{"amazon", "native"}
	g := startTelegraf(t, "another key", streams...)
	n := newNode(t)
	n.env = append(receiverEnv(), "OTHER_KEY=another key", "SSL_CERT_FILE="+g.certificate)
	n.start()
	const site = "one"
	g.byAmazon(n, "amazon", site, types.ContentEncodingGzip)
	g.natively(n, "native", site, "gzip")
	put := map[string][]string{}
	for _, stream := range streams {
		put[stream] = putLines(n, stream, 1000)
	}
	for _, stream := range streams {
		wait(t, 20*time.Second, "the wrong key to be told", func() (bool, string) {
			p := n.problems()[stream]
			return strings.Contains(p.Cause, "401: ") && strings.Contains(p.Cause, "Unauthorized") && strings.Contains(p.Target, g.address), fmt.Sprintf("%+v", p)
		})
		if got := g.records(stream, site); len(got) > 0 {
			t.Errorf("%d records of %s were taken with a wrong key", len(got), stream)
		}
	}
	name, key := "amazon", "another key"
	d := describe(t, n.api(), name)
	_, err := n.api().UpdateDestination(t.Context(), &firehose.UpdateDestinationInput{
		DeliveryStreamName: &name, CurrentDeliveryStreamVersionId: d.VersionId, DestinationId: d.Destinations[0].DestinationId,
		HttpEndpointDestinationUpdate: &types.HttpEndpointDestinationUpdate{
			EndpointConfiguration: &types.HttpEndpointConfiguration{Url: aws.String(g.url(name)), AccessKey: &key}}})
	check(t, err)
	n.want(http.StatusOK, http.MethodPut, "/v1/streams/native", fmt.Sprintf("destinations:\n"+
		"  - {id: telegraf, type: http_endpoint, batch: {count: 90, wait: 1s}, format: {compression: gzip},\n"+
		"     http_endpoint: {url: %q, access_key: \"${OTHER_KEY}\", attributes: {site: %q}}}\n", g.url("native"), site))
	for _, stream := range streams {
		n.flush(stream)
		g.arrive(stream, site, put[stream])
	}
	if got := n.healthz(); len(got) > 0 {
		t.Errorf("all is delivered, and healthz says %+v", got)
	}
	n.stop()
}
