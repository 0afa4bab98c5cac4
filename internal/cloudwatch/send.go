package cloudwatch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"
)

// Bounds of a PutLogEvents request. The number of events in it is bounded by queueMax, far below the service's.
const (
	requestMax    = 1 << 20 // bytes of all events, each with eventOverhead
	eventOverhead = 26
	messageMax    = 4096 // bytes of an error's text, which keeps an event far below requestMax
)

// send sends events, those of one log stream together and in the order of time.
func (k *Sink) send(ctx context.Context, queue []Diagnostic) {
	var order []logStream
	events := map[logStream][]types.InputLogEvent{}
	for i := range queue {
		to := queue[i].logStream()
		if events[to] == nil {
			order = append(order, to)
		}
		events[to] = append(events[to], event(&queue[i]))
	}
	for _, to := range order {
		of := events[to]
		slices.SortStableFunc(of, func(a, b types.InputLogEvent) int { return cmp.Compare(*a.Timestamp, *b.Timestamp) })
		for len(of) > 0 {
			n := fitting(of)
			k.put(ctx, to, of[:n])
			of = of[n:]
		}
	}
}

// fitting returns how many of the events go into one request: at least one.
func fitting(events []types.InputLogEvent) int {
	size := 0
	for i, e := range events {
		size += len(*e.Message) + eventOverhead
		if size > requestMax && i > 0 {
			return i
		}
	}
	return len(events)
}

func (k *Sink) put(ctx context.Context, to logStream, events []types.InputLogEvent) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	out, err := k.client.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{
		LogGroupName:  &to.group,
		LogStreamName: &to.name,
		LogEvents:     events,
	}, func(o *cloudwatchlogs.Options) { o.Region = to.region })
	if err != nil {
		k.rejected.Add(uint64(len(events)))
		k.report(to, err)
		return
	}
	delete(k.troubles, to)
	rejected := rejectedOf(out.RejectedLogEventsInfo, len(events))
	k.rejected.Add(uint64(rejected))
	k.sent.Add(uint64(len(events) - rejected))
}

// rejectedOf counts those of n events that were too old, at the beginning, or too new, at the end.
func rejectedOf(info *types.RejectedLogEventsInfo, n int) int {
	if info == nil {
		return 0
	}
	first := max(aws.ToInt32(info.TooOldLogEventEndIndex), aws.ToInt32(info.ExpiredLogEventEndIndex))
	end := int32(n)
	if info.TooNewLogEventStartIndex != nil {
		end = *info.TooNewLogEventStartIndex
	}
	return n - int(min(max(end-first, 0), int32(n)))
}

// troublesMax bounds the log streams whose trouble is remembered. Past it all are forgotten, and logged again.
const troublesMax = 10_000

// report logs what is wrong with a log stream, once.
func (k *Sink) report(to logStream, err error) {
	code := "unreachable"
	var api smithy.APIError
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	if k.troubles[to] == code {
		return
	}
	if len(k.troubles) >= troublesMax {
		clear(k.troubles)
	}
	k.troubles[to] = code
	message := "Diagnostics cannot be sent to CloudWatch Logs."
	if code == "ResourceNotFoundException" {
		message = "Diagnostics cannot be sent to CloudWatch Logs: create the log group and the log stream."
	}
	k.logger.Warn(message, "log_group", to.group, "log_stream", to.name, "region", to.region, "error", err)
}

// body is what the Amazon service writes for a failed delivery.
type body struct {
	DeliveryStreamARN       string `json:"deliveryStreamARN"`
	Destination             string `json:"destination"`
	DeliveryStreamVersionID string `json:"deliveryStreamVersionId"`
	Message                 string `json:"message"`
	ErrorCode               string `json:"errorCode"`
	Processor               string `json:"processor,omitempty"`
}

func event(d *Diagnostic) types.InputLogEvent {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(body{
		DeliveryStreamARN:       d.StreamARN,
		Destination:             d.Target,
		DeliveryStreamVersionID: strconv.Itoa(d.Version),
		Message:                 message(d),
		ErrorCode:               d.Code,
		Processor:               d.Processor,
	})
	if err != nil {
		panic(err) // strings only
	}
	text, at := strings.TrimSuffix(b.String(), "\n"), d.Occurred.UnixMilli()
	return types.InputLogEvent{Message: &text, Timestamp: &at}
}

// messages are the service's own texts. Codes that are not here say no more than the error does.
var messages = map[string]string{
	"S3.AccessDenied": "Access was denied. Ensure that the trust policy for the provided IAM role allows Firehose to assume the role, " +
		"and the access policy allows access to the S3 bucket.",
}

func message(d *Diagnostic) string {
	if text := messages[d.Code]; text != "" {
		return text
	}
	return strings.ToValidUTF8(d.Message[:min(len(d.Message), messageMax)], "")
}
