package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	accountForm = regexp.MustCompile(`^\d{12}$`)
	regionForm  = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	kmsKeyForm  = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)/[A-Za-z0-9/_-]+$`)
)

// validation collects problems.
type validation struct {
	problems []error
}

// check notes a problem with a setting's value unless ok. Secrets show as they always do.
func (v *validation) check(ok bool, key string, value any, want string) {
	if !ok {
		v.problems = append(v.problems, fmt.Errorf("%s: %q is wrong; want %s", key, fmt.Sprint(value), want))
	}
}

// Validate returns all that is wrong with the configuration: each problem with its key, its value, and what is allowed.
func (c *Config) Validate() error {
	var v validation
	v.tags(reflect.ValueOf(c).Elem())

	v.listen(c)
	v.check(c.DataDir != "", "data_dir", c.DataDir, "a folder")
	v.check(regionForm.MatchString(c.Region), "region", c.Region, "the name of a region such as us-east-1")
	v.check(accountForm.MatchString(c.AccountID), "account_id", c.AccountID, "12 digits")
	v.check(c.TLS.Cert == "" || c.TLS.Key != "", "tls.key", c.TLS.Key, "a file, because tls.cert is given")
	v.check(c.TLS.Key == "" || c.TLS.Cert != "", "tls.cert", c.TLS.Cert, "a file, because tls.key is given")
	v.auth(c.Auth)
	v.check(c.Store != "" || c.s3Environment || c.S3.Endpoint == "", "store", c.Store,
		"s3, because s3.endpoint is given; or file, to have folders all the same")
	v.s3(c.S3)
	v.encryption(c)
	for i, text := range c.Collector.TrustedProxies {
		_, ok := Network(text)
		v.check(ok, fmt.Sprintf("collector.trusted_proxies[%d]", i), text, "an address or a network such as 10.0.0.0/8")
	}
	for i, text := range c.Outbound.Allow {
		_, ok := Network(text)
		v.check(ok, fmt.Sprintf("outbound.allow[%d]", i), text, "an address or a network such as 10.0.0.0/8")
	}
	return errors.Join(v.problems...)
}

// tags checks what the tags "allowed" and "min" say.
func (v *validation) tags(config reflect.Value) {
	for _, s := range settings(config.Type(), "", nil) {
		value := config.FieldByIndex(s.index)
		if s.allowed != nil {
			text := value.String()
			v.check(slices.Contains(s.allowed, text) || text == s.initial, s.key, text, s.want())
		}
		if s.min != "" {
			v.check(atLeast(value, s.min), s.key, scalarText(value), s.want())
		}
	}
}

// atLeast compares a number, whose type is the setting's, with a text of that type.
func atLeast(value reflect.Value, text string) bool {
	least := reflect.New(value.Type()).Elem()
	if !setScalar(least, text) {
		panic("config: least value " + text + " is not of the setting's type")
	}
	if value.CanFloat() {
		return value.Float() >= least.Float()
	}
	return value.Int() >= least.Int()
}

func (v *validation) listen(c *Config) {
	host, port, err := net.SplitHostPort(c.Listen)
	if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
		v.check(false, "listen", c.Listen, "host:port with a port from 0 to 65535")
		return
	}
	v.check(c.Auth.Mode != "none" || c.InsecureListen || loopback(host), "listen", c.Listen,
		"a loopback address while auth.mode is none; set auth.mode to sigv4, or allow it by insecure_listen")
}

// loopback says whether only this machine can reach a host. Names other than localhost are not looked up: what they
// mean may change.
// Local says whether only this machine can reach the service.
func (c Config) Local() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	return err == nil && loopback(host)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// Network reads a network, or an address, which is a network of one.
func Network(text string) (netip.Prefix, bool) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		return netip.PrefixFrom(address, address.BitLen()), true
	}
	network, err := netip.ParsePrefix(text)
	return network.Masked(), err == nil
}

func (v *validation) auth(a Auth) {
	v.check(a.Mode != "sigv4" || len(a.Keys) > 0, "auth.keys", "", "at least one key while auth.mode is sigv4")
	seen := make(map[string]bool)
	for i, k := range a.Keys {
		key := fmt.Sprintf("auth.keys[%d].", i)
		v.check(k.AccessKey != "" && !strings.ContainsAny(k.AccessKey, "/, \t="), key+"access_key", k.AccessKey,
			"a name without slash, comma, equals sign and space")
		v.check(!seen[k.AccessKey], key+"access_key", k.AccessKey, "a name that no other key has")
		v.check(k.SecretKey != "", key+"secret_key", k.SecretKey, "a secret")
		v.check(k.Account == "" || accountForm.MatchString(k.Account), key+"account", k.Account, "12 digits")
		seen[k.AccessKey] = true
	}
}

func (v *validation) s3(s S3) {
	v.url("s3.endpoint", s.Endpoint)
	v.check(s.AccessKey == "" || s.SecretKey != "", "s3.secret_key", s.SecretKey, "a secret, because s3.access_key is given")
	v.check(s.AccessKey != "" || s.SecretKey == "", "s3.access_key", s.AccessKey, "a name, because s3.secret_key is given")
	v.check(s.AccessKey != "" || s.SessionToken == "", "s3.access_key", s.AccessKey, "a name, because s3.session_token is given")
	v.check(s.PartBytes <= 5<<30, "s3.part_bytes", s.PartBytes, "at most 5GiB")
	v.check(s.MultipartThreshold <= 5<<30, "s3.multipart_threshold", s.MultipartThreshold, "at most 5GiB")
}

func (v *validation) encryption(c *Config) {
	const want = "base64 of 32 bytes"
	e := c.Encryption
	if e.MasterKey != "" {
		_, err := e.MasterKey.Key()
		v.check(err == nil, "encryption.master_key", e.MasterKey, want)
		v.check(e.MasterKeyFile == "", "encryption.master_key_file", e.MasterKeyFile, "nothing, because encryption.master_key is given")
	}
	for _, arn := range slices.Sorted(maps.Keys(c.KMS.Keys)) {
		key := "kms.keys[" + arn + "]"
		v.check(kmsKeyForm.MatchString(arn), key, arn, "the ARN of a key or alias as its name")
		_, err := c.KMS.Keys[arn].Key()
		v.check(err == nil, key, c.KMS.Keys[arn], want)
	}
	v.service("kms.endpoint", c.KMS.Endpoint)
	v.service("cloudwatch_logs.endpoint", c.CloudWatchLogs.Endpoint)
}

// service checks the address of a service that may be Amazon's own.
func (v *validation) service(key, text string) {
	if text != "aws" {
		v.url(key, text)
	}
}

func (v *validation) url(key, text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	ok := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
	if u != nil {
		text = u.Redacted()
	}
	v.check(ok, key, text, "a URL such as https://host:port, without user and password")
}
