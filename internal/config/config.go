// Package config holds the settings of the service: one typed struct, Config, filled from four layers.
//
// A setting is a field of Config. All else comes from its tags: its key in the YAML file (auth.mode), its flag
// (--auth-mode), its environment variable (FIREHOSE_AUTH_MODE), its default and its help. So a new setting is one line
// here, and the file, the flags, the environment, --print-config, the help and the reference page know it.
//
//	key      name in its section; the key of a setting is the names from the top, joined by dots
//	default  the value as a user would write it
//	help     one sentence, for the reference page and the help
//	allowed  the only texts allowed, joined by "|"; an empty value is allowed if the default is empty
//	min      the least value allowed
//
// A flag beats the environment, the environment beats the file, the file beats the default. An empty environment
// variable and a key without a value count as not given. Lists and maps are replaced whole, never merged; they have no
// flag, and in the environment they are written as YAML or JSON.
//
// Nothing unknown is passed over: a key, flag or variable that is no setting is an error with its place and the nearest
// name that is one. (Variables are held to this only if they look like a slip of the pen, because orchestrators put
// variables of their own under a service's name.) All problems are told at once.
//
// What the package never does: read the process's environment or arguments by itself, open what a setting names (but
// for the files that secrets refer to), or write a secret anywhere.
package config

import (
	"path/filepath"
	"reflect"
	"time"
)

// Config is the effective configuration of a node. It is read-only once loaded.
type Config struct {
	Listen          string        `key:"listen" default:"127.0.0.1:4573" help:"Address and port on which the service answers."`
	InsecureListen  bool          `key:"insecure_listen" default:"false" help:"Allows an address that other machines can reach while auth.mode is none."`
	DataDir         string        `key:"data_dir" default:"./firehose-data" help:"Folder of the log, the catalogue and, with the store file, the buckets."`
	Store           string        `key:"store" default:"" allowed:"file|s3" help:"Where buckets are: folders below data_dir, or S3; empty means s3 when AWS_ENDPOINT_URL_S3 is in the environment, else file."`
	Region          string        `key:"region" default:"us-east-1" help:"Region of requests that name none; without verification a request names one in its signature's scope."`
	AccountID       string        `key:"account_id" default:"000000000000" help:"Account, 12 digits, of requests that are not verified, and of access keys that name none."`
	ShutdownTimeout time.Duration `key:"shutdown_timeout" default:"30s" min:"0s" help:"Longest time from SIGTERM to exit; what is not delivered by then stays in the log for the next start."`
	LogFormat       string        `key:"log_format" default:"auto" allowed:"auto|text|json" help:"Form of the server's own log lines; auto is text on a terminal and JSON otherwise."`
	LogLevel        string        `key:"log_level" default:"info" allowed:"debug|info|warn|error" help:"Least severity of the server's own log lines."`

	CPUProfile string `key:"cpu_profile" default:"" help:"File that gets a CPU profile of the whole run, for go tool pprof; empty for none."`

	Streams []Document `key:"streams" help:"Streams that are made or changed at the start, each a document as PUT /v1/streams/NAME takes it."`

	TLS            TLS            `key:"tls"`
	Auth           Auth           `key:"auth"`
	Limits         Limits         `key:"limits"`
	Log            Log            `key:"log"`
	Memory         Memory         `key:"memory"`
	Delivery       Delivery       `key:"delivery"`
	Delete         Delete         `key:"delete"`
	Processing     Processing     `key:"processing"`
	Collector      Collector      `key:"collector"`
	Outbound       Outbound       `key:"outbound"`
	Lambda         Lambda         `key:"lambda"`
	Catalog        Catalog        `key:"catalog"`
	Glue           Glue           `key:"glue"`
	S3             S3             `key:"s3"`
	Encryption     Encryption     `key:"encryption"`
	Secrets        Secrets        `key:"secrets"`
	Lookups        Lookups        `key:"lookups"`
	KMS            KMS            `key:"kms"`
	CloudWatchLogs CloudWatchLogs `key:"cloudwatch_logs"`

	s3Environment bool // AWS_ENDPOINT_URL_S3 is set
}

// TLS says with which certificate the service answers; with none it answers plain HTTP.
type TLS struct {
	Cert string `key:"cert" default:"" help:"File of the certificate chain in PEM form, read again when it changes."`
	Key  string `key:"key" default:"" help:"File of the certificate's private key in PEM form."`
}

// Auth says who may call the API.
type Auth struct {
	Mode string    `key:"mode" default:"none" allowed:"none|sigv4" help:"Whether requests must be signed by one of auth.keys (sigv4), or need no signature and are not checked (none)."`
	Keys []AuthKey `key:"keys" help:"Access keys that may sign requests when auth.mode is sigv4."`
}

// AuthKey is an access key. Streams of different accounts do not see each other.
type AuthKey struct {
	AccessKey    string `key:"access_key" default:"" help:"Name of the key, as in AWS_ACCESS_KEY_ID."`
	SecretKey    Secret `key:"secret_key" default:"" help:"Secret of the key, as in AWS_SECRET_ACCESS_KEY."`
	SessionToken Secret `key:"session_token" default:"" help:"If given, a request must carry it, as in AWS_SESSION_TOKEN."`
	Account      string `key:"account" default:"" help:"Account, 12 digits, whose streams the key sees; empty means account_id."`
}

// Limits bound what the API takes; beyond a limit a request is answered with the API's throttling or quota error.
type Limits struct {
	Streams              int           `key:"streams" default:"5000" min:"1" help:"Streams that an account may have in a region."`
	RequestsInFlight     int           `key:"requests_in_flight" default:"256" min:"1" help:"Requests in work at once, fewer if they are large; others wait their turn."`
	RequestWait          time.Duration `key:"request_wait" default:"75ms" min:"1ms" help:"Longest wait of a request for its turn; then it is answered with Slow down."`
	RequestBytesInFlight Bytes         `key:"request_bytes_in_flight" default:"128MiB" min:"8MiB" help:"Memory for the bodies of requests in work at once; more are answered with Slow down."`
	RecordsPerSecond     int64         `key:"records_per_second" default:"0" min:"0" help:"Records a second that a stream takes; 0 is no limit."`
	BytesPerSecond       Bytes         `key:"bytes_per_second" default:"0" min:"0" help:"Bytes of records a second that a stream takes; 0 is no limit."`
	EventIDs             int64         `key:"event_ids" default:"10000000" min:"1000" help:"Event ids that a stream with idempotency remembers, in about 25 bytes of memory each; beyond it events are answered with Slow down."`
	RequestsPerSecond    int64         `key:"requests_per_second" default:"0" min:"0" help:"Put requests a second that a stream takes; 0 is no limit."`
}

// Log bounds the durable log.
type Log struct {
	Retention      time.Duration `key:"retention" default:"72h" min:"1ns" help:"How long delivered records are kept as history; what is not delivered is kept without limit of time."`
	MaxBytes       Bytes         `key:"max_bytes" default:"0" min:"0" help:"Size of all logs at which history is dropped first and then puts are refused; 0 is no limit but the disk."`
	StreamMaxBytes Bytes         `key:"stream_max_bytes" default:"0" min:"0" help:"The same for the log of one stream."`
	SegmentBytes   Bytes         `key:"segment_bytes" default:"64MiB" min:"64KiB" help:"Size at which a log file is closed and a new one begun; history is dropped by whole files."`
	MinFree        Bytes         `key:"min_free" default:"256MiB" min:"0" help:"Space on the disk that puts leave free; below it they are refused until there is room."`
}

// Memory is the budget of buffers that may grow.
type Memory struct {
	SpoolBytes  Bytes `key:"spool_bytes" default:"128MiB" min:"1MiB" help:"Memory of all encoded batches that are being delivered; beyond it they go on in files below data_dir."`
	RecentBytes Bytes `key:"recent_bytes" default:"64MiB" min:"0" help:"Memory for records that were put and are not delivered yet, so that deliveries need not read them back from the disk."`
	LookupBytes Bytes `key:"lookup_bytes" default:"256MiB" min:"0" help:"Memory of all tables that lookups of streams look into, about; a table that does not fit holds its destination, or stays as it was."`
}

// Delivery says how batches are delivered.
type Delivery struct {
	IntervalMin    time.Duration `key:"interval_min" default:"200ms" min:"1ms" help:"Buffering interval of streams that ask for 0 seconds."`
	InFlight       int           `key:"in_flight" default:"4" min:"1" help:"Batches that a stream delivers to one destination at once."`
	RetryMax       time.Duration `key:"retry_max" default:"1m" min:"1ms" help:"Longest pause between two tries of a delivery."`
	AttemptTimeout time.Duration `key:"attempt_timeout" default:"5m" min:"1s" help:"Longest time of one try of a delivery."`
}

// Delete says what becomes of a deleted stream's records.
type Delete struct {
	Drain bool `key:"drain" default:"true" help:"Whether a deleted stream delivers what it holds first (true), or discards it as Amazon does (false)."`
}

// Processing bounds what is done to records on their way.
type Processing struct {
	PartitionsMax      int  `key:"partitions_max" default:"500" min:"1" help:"Partitions of a delivery that may be open at once; records of more go to the error output activePartitionExceeded."`
	CloudWatchLogsOnly bool `key:"cloudwatch_logs_only" default:"false" help:"Refuses puts to streams that decompress, as Amazon refuses all that do not come from CloudWatch Logs."`
}

// Collector says how requests of web pages reach the service.
type Collector struct {
	TrustedProxies []string `key:"trusted_proxies" help:"Addresses or networks, such as 10.0.0.0/8, of proxies whose X-Forwarded-For says where a web page's request comes from; from all others the header counts for nothing."`
}

// Outbound says which addresses requests of the service may go to: those of webhooks, endpoints and tables that documents
// name. Buckets, functions and keys are reached wherever the configuration says.
type Outbound struct {
	Allow []string `key:"allow" help:"Addresses or networks, such as 10.20.0.0/16, that webhooks, endpoints and tables of streams may have though they are not public. A service that listens on loopback alone permits loopback and private networks anyway; addresses of metadata services are permitted only here."`
}

// Lambda says how to reach functions.
type Lambda struct {
	Endpoint  string            `key:"endpoint" default:"" help:"URL of an AWS Lambda service, or the word aws for Amazon's own, for functions that lambda.functions does not name."`
	Functions map[string]string `key:"functions" help:"Functions at URLs: from the ARN, the name, or a pattern with *, to the URL of a Lambda runtime interface or of any HTTP function."`
	Timeout   time.Duration     `key:"timeout" default:"5m5s" min:"1s" help:"Longest time of one try of a call."`
}

// Catalog is a folder of table definitions for format conversion.
type Catalog struct {
	Dir     string        `key:"dir" default:"" help:"Folder of table definitions, database/table.json in the JSON of AWS Glue, for format conversion; empty for none."`
	Refresh time.Duration `key:"refresh" default:"5m" min:"1s" help:"Age at which the newest definition of a table is asked for again."`
}

// Glue is the catalogue of tables that the folder does not have.
type Glue struct {
	Endpoint string `key:"endpoint" default:"" help:"URL of an AWS Glue service, or the word aws for Amazon's own, for tables that catalog.dir does not have."`
}

// S3 says how to reach S3 when it is the store. What is empty comes from the AWS SDK's usual places.
type S3 struct {
	Endpoint           string `key:"endpoint" default:"" help:"URL of an S3 server other than Amazon's."`
	Region             string `key:"region" default:"" help:"Region of the buckets."`
	AccessKey          string `key:"access_key" default:"" help:"Access key; empty means the SDK's chain of environment, profiles and roles."`
	SecretKey          Secret `key:"secret_key" default:"" help:"Secret of s3.access_key."`
	SessionToken       Secret `key:"session_token" default:"" help:"Session token of s3.access_key, if it is a temporary one."`
	PathStyle          bool   `key:"path_style" default:"false" help:"Puts the bucket into the path instead of the host name; always so when the endpoint is not one of Amazon's."`
	ACL                string `key:"acl" default:"bucket-owner-full-control" help:"Canned ACL of every object, as the Amazon service sets it; servers and buckets without ACLs need none."`
	Checksum           string `key:"checksum" default:"when_supported" allowed:"when_supported|when_required" help:"When uploads carry a CRC32; older servers need when_required."`
	PartBytes          Bytes  `key:"part_bytes" default:"8MiB" min:"5MiB" help:"Size of the parts of a multipart upload."`
	MultipartThreshold Bytes  `key:"multipart_threshold" default:"16MiB" min:"5MiB" help:"Size from which an object is uploaded in parts."`
}

// Encryption holds the key that wraps the data keys of encrypted streams.
type Encryption struct {
	MasterKey     Secret `key:"master_key" default:"" help:"Key that wraps the keys of encrypted streams: base64 of 32 bytes."`
	MasterKeyFile string `key:"master_key_file" default:"" help:"File of that key, made on first need; empty means master.key in data_dir."`
}

// Secrets says what documents of streams may refer to.
type Secrets struct {
	Dir string `key:"dir" default:"" help:"Folder of the files that file:PATH in the documents of streams may name; empty for none."`
}

// Lookups says which tables documents of streams may enrich events from.
type Lookups struct {
	Dir string `key:"dir" default:"" help:"Folder of the tables that lookups in the documents of streams may name as files; empty for none."`
}

// KMS answers for customer keys, either from the configuration or from a service.
type KMS struct {
	Keys     map[string]Secret `key:"keys" help:"Customer keys: from the key's ARN to base64 of 32 bytes."`
	Endpoint string            `key:"endpoint" default:"" help:"URL of an AWS KMS service, or the word aws for Amazon's own, asked for customer keys that kms.keys does not name."`
}

// CloudWatchLogs receives the diagnostics of streams that ask for them.
type CloudWatchLogs struct {
	Endpoint string `key:"endpoint" default:"" help:"URL of an Amazon CloudWatch Logs service, or the word aws for Amazon's own, for the diagnostics of streams; empty means the server's log only."`
}

// MemoryLimit is about what the process needs at most: the buffers that have a bound, and room for all else.
func (c *Config) MemoryLimit() int64 {
	const rest = 256 << 20
	return int64(c.Limits.RequestBytesInFlight+c.Memory.SpoolBytes+c.Memory.RecentBytes+c.Memory.LookupBytes) + rest
}

// Default returns the configuration of a user who sets nothing.
func Default() Config {
	var c Config
	setDefaults(reflect.ValueOf(&c).Elem())
	return c
}

// ObjectStore returns the store in effect, "file" or "s3".
func (c *Config) ObjectStore() string {
	switch {
	case c.Store != "":
		return c.Store
	case c.s3Environment:
		return "s3"
	}
	return "file"
}

// MasterKeyFile returns the file of the master key in effect. It matters only while Encryption.MasterKey is empty.
func (c *Config) MasterKeyFile() string {
	if c.Encryption.MasterKeyFile != "" {
		return c.Encryption.MasterKeyFile
	}
	return filepath.Join(c.DataDir, "master.key")
}
