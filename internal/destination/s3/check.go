package s3

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"firehose/internal/batch"
	"firehose/internal/destination"
	"firehose/internal/eventbody"
	"firehose/internal/object"
	"firehose/internal/objectkey"
	"firehose/internal/outbound"
	"firehose/internal/verdict"
)

var _ destination.Tryable = Config{}

// deleteTime is how long deleting may take.
const deleteTime = 10 * time.Second

// Plain is the destination with uncompressed objects.
func (c Config) Plain() destination.Config {
	c.Compression = "UNCOMPRESSED"
	if c.Events != nil {
		events := *c.Events
		events.Body.Compression = eventbody.None
		c.Events = &events
	}
	return c
}

// Check puts a small object below the prefix, reads it and deletes it. What a delivery does not need (to list, to read, to
// delete) may be denied.
func (c Config) Check(ctx context.Context, env destination.Env, check *destination.Check) {
	c.reach(ctx, env, check)
	reader, _ := env.Objects.(object.Reader)
	deleter, _ := env.Objects.(object.Deleter)
	check.Do(destination.Authenticate, func() (string, error) { return c.authenticate(ctx, reader) })
	objects := trial{Config: c, at: time.Now().UTC()}
	check.Do(destination.Write, func() (string, error) { return objects.put(ctx, env) })
	check.Do(destination.ReadBack, func() (string, error) {
		if reader == nil {
			return "", destination.SkipStep("the object store of this server cannot be read")
		}
		return "", objects.readBack(ctx, reader)
	})
	check.Do(destination.Delete, func() (string, error) {
		if deleter == nil {
			return "", destination.SkipStep("the object store of this server deletes nothing; the object stays")
		}
		return "", objects.delete(ctx, deleter)
	})
}

// trial is the putting of small objects: one where data goes, and one where error outputs go if that is another bucket.
type trial struct {
	Config
	at     time.Time
	places []place // of what is put
}

type place struct{ bucket, key string }

func (t *trial) text() []byte {
	return fmt.Appendf(nil, "Firehose put this object on %s to try whether it can deliver here. It may be deleted.\n", t.at.Format(time.RFC3339))
}

func (t *trial) put(ctx context.Context, env destination.Env) (detail string, err error) {
	heads := []batch.Head{{Time: t.at}}
	if t.failedBucket() != t.Bucket {
		heads = append(heads, batch.Head{Time: t.at, Failure: "verification"})
	}
	var names []string
	for _, head := range heads {
		to := place{bucket: t.bucketOf(head)}
		if to.key, err = t.testKey(env, "verification", head, ".txt"); err != nil {
			return "", err
		}
		names = append(names, "s3://"+to.bucket+"/"+to.key)
		text := t.text()
		err = env.Objects.Put(ctx, object.Object{Bucket: to.bucket, Key: to.key, Body: bytes.NewReader(text), Size: int64(len(text)),
			ContentType: "text/plain; charset=utf-8", KMSKey: t.KMSKey})
		if err != nil {
			if deleter, ok := env.Objects.(object.Deleter); ok {
				_ = t.delete(ctx, deleter) // what was put before; the error of the step says more
			}
			return strings.Join(names, " and "), advise(to.bucket, err)
		}
		t.places = append(t.places, to)
	}
	return strings.Join(names, " and "), nil
}

func (t *trial) readBack(ctx context.Context, reader object.Reader) error {
	for _, from := range t.places {
		body, err := reader.Get(ctx, from.bucket, from.key)
		if denied(err) {
			return destination.SkipStep("the credentials may not read, which deliveries do not need; firehose errors does")
		}
		if err != nil {
			return advise(from.bucket, err)
		}
		want := t.text()
		got, err := io.ReadAll(io.LimitReader(body, int64(len(want))+1))
		if body.Close(); err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return errors.New("the object has another content than was put")
		}
	}
	return nil
}

// delete deletes all, even if the time of the whole is over.
func (t *trial) delete(ctx context.Context, deleter object.Deleter) (failed error) {
	cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTime)
	defer cancel()
	for _, from := range t.places {
		switch err := deleter.Delete(cleaning, from.bucket, from.key); {
		case failed != nil:
		case denied(err):
			failed = destination.SkipStep("the credentials may not delete, which deliveries do not need; the object stays")
		default:
			failed = advise(from.bucket, err)
		}
	}
	return failed
}

// reach takes the steps to the bucket's address. That comes from the server's own settings, so it may be any.
func (c Config) reach(ctx context.Context, env destination.Env, check *destination.Check) {
	addresser, ok := env.Objects.(object.Addresser)
	if !ok {
		check.Skip(destination.Resolve, "buckets are folders of the server")
		check.Skip(destination.Connect, "buckets are folders of the server")
		return
	}
	address, err := addresser.Address(ctx, c.Bucket)
	if err == nil {
		if why := detour(address); why != "" {
			check.Skip(destination.Resolve, why)
			check.Skip(destination.Connect, why)
			return
		}
	}
	everywhere := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	client := outbound.New(outbound.Options{Allow: everywhere})
	defer client.Close()
	if err != nil {
		check.Do(destination.Resolve, func() (string, error) { return "", err })
		return
	}
	check.Reach(ctx, client, address.String())
}

// detour says why requests of the SDK go another way than a connection of ours would.
func detour(address *url.URL) string {
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: address}); err != nil || proxy != nil {
		return "requests go through the proxy of the server's environment"
	}
	if address.Scheme == "https" && os.Getenv("AWS_CA_BUNDLE") != "" {
		return "AWS_CA_BUNDLE is set: the next step tells whether its certificates fit"
	}
	return ""
}

// authenticate lists a little of the bucket: no other request tells apart what is wrong with the credentials, the bucket
// and its region.
func (c Config) authenticate(ctx context.Context, reader object.Reader) (string, error) {
	if reader == nil {
		return "", destination.SkipStep("the next step tells")
	}
	err := reader.List(ctx, c.Bucket, "", "", func(object.Info) bool { return false })
	if denied(err) {
		return "the credentials are known; they may not list the bucket, which deliveries do not need", nil
	}
	return "", advise(c.Bucket, err)
}

// denied says whether a request was understood and not permitted.
func denied(err error) bool {
	var answer interface{ ErrorCode() string }
	return errors.As(err, &answer) && answer.ErrorCode() == "AccessDenied"
}

// advise says how to mend an error in words for whoever is writing a document.
func advise(bucket string, err error) error {
	broken := verdict.AsSetUp(err)
	if broken == nil {
		return err
	}
	advised := *broken
	switch {
	case broken.Code == "S3.NoSuchBucket":
		advised.Fix = "Create the bucket " + bucket + ", or correct its name."
	case broken.Code == "S3.KMS.NotFoundException":
		advised.Fix = "Correct the ARN of the KMS key, or enable the key."
	}
	return &advised
}

// testKey returns the key of an object that is a test: below the prefix of now, with a name that no delivery gives.
func (c Config) testKey(env destination.Env, purpose string, head batch.Head, extension string) (string, error) {
	to, err := c.Open(env)
	if err != nil {
		return "", err
	}
	var id [6]byte
	rand.Read(id[:]) // never fails
	b := to.(*bucket)
	folder := ""
	switch {
	case head.Failure != "":
		folder = b.failed.Evaluate(objectkey.Values{Time: head.Time, Seed: id[:], ErrorType: head.Failure})
	case b.events != nil:
		key := b.events.key(env, head, extension)
		folder = key[:strings.LastIndexByte(key, '/')+1]
	default:
		folder = b.prefix.Evaluate(objectkey.Values{Time: head.Time, Seed: id[:]})
	}
	return folder + "firehose-" + purpose + head.Time.Format("-2006-01-02-15-04-05-") + hex.EncodeToString(id[:]) + extension, nil
}

// Send puts an object with one record, as a delivery would, but for its name.
func (c Config) Send(ctx context.Context, env destination.Env, event []byte) (string, error) {
	to, err := c.Open(env)
	if err != nil {
		return "", err
	}
	at := time.Now().UTC()
	one, err := destination.SampleBatch(ctx, to, at, event)
	if err != nil {
		return "", err
	}
	b := to.(*bucket)
	extension, named := b.extension(one.Head), one.Head
	if b.events != nil {
		extension = cmp.Or(c.Extension, b.events.body.FileExtension())
		fields, err := b.events.naming.Values(nil, event)
		if err != nil {
			return "", err
		}
		named.Partition = string(batch.JoinPartition(nil, fields))
	}
	key, err := c.testKey(env, "ping", named, extension)
	if err != nil {
		return "", err
	}
	return "s3://" + c.Bucket + "/" + key, advise(c.Bucket, env.Objects.Put(ctx, object.Object{Bucket: c.Bucket, Key: key, Body: one.Body, Size: one.Body.Size(),
		ContentType: contentType, ContentEncoding: b.contentEncoding(one.Head), KMSKey: c.KMSKey}))
}
