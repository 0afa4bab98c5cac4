package bench

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"firehose/internal/bench/load"
	"firehose/internal/task"
)

// control asks a server for what is not measured.
type control struct {
	url string
	key load.Key
}

// streamShape is what a stream is declared with.
type streamShape struct {
	compression string
	bufferMiB   int
	partitions  string
	events      bool // a document with a filter, enrichment and masks
}

// destination is the request's member.
func (s streamShape) destination() map[string]any {
	d := map[string]any{
		"RoleARN":           "arn:aws:iam::000000000000:role/bench",
		"BucketARN":         "arn:aws:s3:::" + benchBucket,
		"CompressionFormat": cmp.Or(s.compression, "UNCOMPRESSED"),
		"BufferingHints":    map[string]any{"SizeInMBs": s.bufferMiB, "IntervalInSeconds": 300},
	}
	if s.partitions == "" {
		return d
	}
	d["Prefix"], d["ErrorOutputPrefix"] = "n=!{partitionKeyFromQuery:n}/", "failed/!{firehose:error-output-type}/"
	d["DynamicPartitioningConfiguration"] = map[string]any{"Enabled": true}
	d["ProcessingConfiguration"] = map[string]any{"Enabled": true, "Processors": []any{map[string]any{"Type": "MetadataExtraction", "Parameters": []any{
		map[string]any{"ParameterName": "MetadataExtractionQuery", "ParameterValue": s.partitions},
		map[string]any{"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"},
	}}}}
	return d
}

// calls bounds the requests that are under way at once.
const calls = 32

// forEach calls f for each name, several at once.
func forEach(ctx context.Context, names []string, f func(ctx context.Context, name string) error) error {
	queue := make(chan string, len(names))
	for _, name := range names {
		queue <- name
	}
	close(queue)
	workers := task.NewGroup(ctx)
	for range min(calls, len(names)) {
		workers.Go("ask the server", func(ctx context.Context) error {
			for name := range queue {
				if err := f(ctx, name); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return workers.Wait()
}

// createStreams creates streams and returns when all are active.
func (c control) createStreams(ctx context.Context, names []string, s streamShape) error {
	return forEach(ctx, names, func(ctx context.Context, name string) error {
		if err := c.createStream(ctx, name, s); err != nil {
			return fmt.Errorf("create stream %s: %w", name, err)
		}
		return c.awaitActive(ctx, name, s)
	})
}

func (c control) createStream(ctx context.Context, name string, s streamShape) error {
	if s.events {
		text, err := json.Marshal(s.document(name))
		if err != nil {
			return err
		}
		return c.do(ctx, http.MethodPut, c.documentURL(name), "", text, nil)
	}
	return c.call(ctx, "CreateDeliveryStream", map[string]any{
		"DeliveryStreamName":                 name,
		"ExtendedS3DestinationConfiguration": s.destination(),
	}, nil)
}

func (c control) documentURL(name string) string { return c.url + "/v1/streams/" + name }

func (c control) awaitActive(ctx context.Context, name string, s streamShape) error {
	for {
		status, err := c.status(ctx, name, s)
		if err != nil {
			return fmt.Errorf("describe stream %s: %w", name, err)
		}
		switch status {
		case "ACTIVE":
			return nil
		case "CREATING":
		default:
			return fmt.Errorf("stream %s is %s", name, status)
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// status asks by the door through which the stream was created: another endpoint than ours may have the first only.
func (c control) status(ctx context.Context, name string, s streamShape) (string, error) {
	if s.events {
		var answer struct{ Status string }
		err := c.do(ctx, http.MethodGet, c.documentURL(name), "", nil, &answer)
		return answer.Status, err
	}
	var answer struct {
		DeliveryStreamDescription struct{ DeliveryStreamStatus string }
	}
	err := c.call(ctx, "DescribeDeliveryStream", map[string]any{"DeliveryStreamName": name}, &answer)
	return answer.DeliveryStreamDescription.DeliveryStreamStatus, err
}

// flush has everything delivered, and returns when it is.
func (c control) flush(ctx context.Context, names []string) error {
	return forEach(ctx, names, func(ctx context.Context, name string) error {
		if err := c.do(ctx, http.MethodPost, c.documentURL(name)+":flush", "", nil, nil); err != nil {
			return fmt.Errorf("flush stream %s: %w", name, err)
		}
		return nil
	})
}

// deleteStream deletes a stream, and what it holds.
func (c control) deleteStream(ctx context.Context, name string) error {
	return c.call(ctx, "DeleteDeliveryStream", map[string]any{"DeliveryStreamName": name, "AllowForceDelete": true}, nil)
}

// call calls an operation of Amazon's API.
func (c control) call(ctx context.Context, operation string, in, out any) error {
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, c.url+"/", "Firehose_20150804."+operation, text, out)
}

func (c control) do(ctx context.Context, method, url, target string, body []byte, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if target != "" {
		r.Header.Set("X-Amz-Target", target)
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	}
	if c.key.AccessKey != "" {
		sum := sha256.Sum256(body)
		who := aws.Credentials{AccessKeyID: c.key.AccessKey, SecretAccessKey: c.key.SecretKey}
		if err := v4.NewSigner().SignHTTP(ctx, who, r, hex.EncodeToString(sum[:]), "firehose", c.key.Region, time.Now()); err != nil {
			return fmt.Errorf("sign the request: %w", err)
		}
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated {
		return fmt.Errorf("status %d: %s", response.StatusCode, bytes.TrimSpace(text))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}
