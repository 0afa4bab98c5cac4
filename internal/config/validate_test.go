package config

import (
	"strings"
	"testing"
	"time"
)

func TestValidateTellsKeyValueAndWhatIsAllowed(t *testing.T) {
	test := func(want string, change func(*Config)) {
		t.Helper()
		c := Default()
		change(&c)
		got := ""
		if err := c.Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	const (
		key  = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
		arn  = "arn:aws:kms:us-east-1:123456789012:key/1"
		open = "is wrong; want a loopback address while auth.mode is none; set auth.mode to sigv4, or allow it by insecure_listen"
		port = "is wrong; want host:port with a port from 0 to 65535"
	)
	test("", func(*Config) {})
	test(`listen: "0.0.0.0:4573" `+open, func(c *Config) { c.Listen = "0.0.0.0:4573" })
	test(`listen: ":4573" `+open, func(c *Config) { c.Listen = ":4573" })
	test(`listen: "host:4573" `+open, func(c *Config) { c.Listen = "host:4573" })
	test("", func(c *Config) { c.Listen, c.InsecureListen = ":4573", true })
	test("", func(c *Config) {
		c.Listen, c.Auth = ":4573", Auth{"sigv4", []AuthKey{{AccessKey: "a", SecretKey: "b", Account: "000000000001"}}}
	})
	for _, host := range []string{"127.0.0.1:0", "127.1.2.3:80", "[::1]:80", "localhost:80", "[::ffff:127.0.0.1]:80"} {
		test("", func(c *Config) { c.Listen = host })
	}
	test(`listen: "4573" `+port, func(c *Config) { c.Listen = "4573" })
	test(`listen: "localhost:65536" `+port, func(c *Config) { c.Listen = "localhost:65536" })
	test(`listen: "localhost:http" `+port, func(c *Config) { c.Listen = "localhost:http" })
	test(`store: "disk" is wrong; want file or s3`, func(c *Config) { c.Store = "disk" })
	test(`log_format: "" is wrong; want auto or text or json`, func(c *Config) { c.LogFormat = "" })
	test(`data_dir: "" is wrong; want a folder`, func(c *Config) { c.DataDir = "" })
	test(`region: "US" is wrong; want the name of a region such as us-east-1`, func(c *Config) { c.Region = "US" })
	test(`account_id: "123" is wrong; want 12 digits`, func(c *Config) { c.AccountID = "123" })
	test(`tls.key: "" is wrong; want a file, because tls.cert is given`, func(c *Config) { c.TLS.Cert = "c" })
	test(`tls.cert: "" is wrong; want a file, because tls.key is given`, func(c *Config) { c.TLS.Key = "k" })
	test(`auth.mode: "basic" is wrong; want none or sigv4`, func(c *Config) { c.Auth.Mode = "basic" })
	test(`auth.keys: "" is wrong; want at least one key while auth.mode is sigv4`, func(c *Config) { c.Auth.Mode = "sigv4" })
	test(strings.Join([]string{
		`auth.keys[0].secret_key: "" is wrong; want a secret`,
		`auth.keys[1].access_key: "a" is wrong; want a name that no other key has`,
		`auth.keys[1].account: "1" is wrong; want 12 digits`,
		`auth.keys[2].access_key: "a/b" is wrong; want a name without slash, comma, equals sign and space`,
	}, "\n"), func(c *Config) {
		c.Auth.Keys = []AuthKey{{AccessKey: "a"}, {"a", "s", "", "1"}, {"a/b", "s", "", "000000000000"}}
	})
	test(`limits.streams: "0" is wrong; want a whole number, at least 1`, func(c *Config) { c.Limits.Streams = 0 })
	test(`limits.bytes_per_second: "-1" is wrong; want a size such as 64MiB or 5MB, at least 0`, func(c *Config) { c.Limits.BytesPerSecond = -1 })
	test(`log.retention: "0s" is wrong; want a duration such as 200ms, 30s or 72h, more than 0s`, func(c *Config) { c.Log.Retention = 0 })
	test(`delivery.retry_max: "-1m" is wrong; want a duration such as 200ms, 30s or 72h, at least 1ms`, func(c *Config) { c.Delivery.RetryMax = -time.Minute })
	test(`s3.endpoint: "minio:9000" is wrong; want a URL such as https://host:port, without user and password`, func(c *Config) { c.Store, c.S3.Endpoint = "s3", "minio:9000" })
	test(`s3.endpoint: "http://u:xxxxx@h" is wrong; want a URL such as https://host:port, without user and password`, func(c *Config) { c.Store, c.S3.Endpoint = "s3", "http://u:p@h" })
	test(`store: "" is wrong; want s3, because s3.endpoint is given; or file, to have folders all the same`, func(c *Config) { c.S3.Endpoint = "http://h" })
	test("", func(c *Config) { c.Store, c.S3.Endpoint = "file", "http://h" })
	test("", func(c *Config) { c.s3Environment, c.S3.Endpoint = true, "http://h" })
	test(`s3.secret_key: "" is wrong; want a secret, because s3.access_key is given`, func(c *Config) { c.S3.AccessKey = "a" })
	test(`s3.access_key: "" is wrong; want a name, because s3.secret_key is given`, func(c *Config) { c.S3.SecretKey = "s" })
	test(`s3.part_bytes: "4MiB" is wrong; want a size such as 64MiB or 5MB, at least 5MiB`, func(c *Config) { c.S3.PartBytes = 4 << 20 })
	test(`encryption.master_key: "***" is wrong; want base64 of 32 bytes`, func(c *Config) { c.Encryption.MasterKey = "short" })
	test(`encryption.master_key_file: "f" is wrong; want nothing, because encryption.master_key is given`, func(c *Config) {
		c.Encryption.MasterKey, c.Encryption.MasterKeyFile = key, "f"
	})
	test(`collector.trusted_proxies[1]: "proxy" is wrong; want an address or a network such as 10.0.0.0/8`, func(c *Config) {
		c.Collector.TrustedProxies = []string{"10.1.2.3", "proxy", "fd00::/8"}
	})
	test(`outbound.allow[1]: "inside" is wrong; want an address or a network such as 10.0.0.0/8`, func(c *Config) {
		c.Outbound.Allow = []string{"10.1.2.3", "inside", "fd00::/8"}
	})
	test("", func(c *Config) { c.Encryption.MasterKey, c.KMS.Keys = key, map[string]Secret{arn: key} })
	test(`kms.keys[`+arn+`]: "***" is wrong; want base64 of 32 bytes`, func(c *Config) { c.KMS.Keys = map[string]Secret{arn: "short"} })
	test(`kms.keys[k]: "k" is wrong; want the ARN of a key or alias as its name`, func(c *Config) { c.KMS.Keys = map[string]Secret{"k": key} })
}
