package awsapi

import (
	"cmp"
	"maps"
	"slices"

	"firehose/internal/stream"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// tagsMax is how many tags a stream may have, and how many a list of them holds when its request does not say.
const tagsMax = 50

type tagInput struct {
	DeliveryStreamName string
	Tags               []types.Tag
}

// tagDeliveryStream sets tags; of several with one key the last counts.
func (h *Handler) tagDeliveryStream(c *call, in *tagInput) (any, error) {
	return h.changeTags(c, in.DeliveryStreamName, func(tags map[string]string) error {
		maps.Copy(tags, tagMap(in.Tags))
		if len(tags) > tagsMax {
			return limitExceeded("Firehose %s cannot have more than %d tags.", in.DeliveryStreamName, tagsMax)
		}
		return nil
	})
}

type untagInput struct {
	DeliveryStreamName string
	TagKeys            []string
}

// untagDeliveryStream removes tags; those that are not there do not matter.
func (h *Handler) untagDeliveryStream(c *call, in *untagInput) (any, error) {
	return h.changeTags(c, in.DeliveryStreamName, func(tags map[string]string) error {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		return nil
	})
}

func (h *Handler) changeTags(c *call, name string, change func(map[string]string) error) (any, error) {
	_, err := h.streams.Update(c.ctx, c.key(name), func(s *stream.Stream) error {
		if s.Status == stream.Deleting {
			return wrongStatus("tag", s)
		}
		if s.Tags == nil {
			s.Tags = map[string]string{}
		}
		return change(s.Tags)
	})
	return empty{}, err
}

type listTagsInput struct {
	DeliveryStreamName   string
	ExclusiveStartTagKey string
	Limit                int
}

// listTagsForDeliveryStream lists tags by their keys, from behind the given one, which need not exist.
func (h *Handler) listTagsForDeliveryStream(c *call, in *listTagsInput) (any, error) {
	s, err := h.streams.Get(c.key(in.DeliveryStreamName))
	if err != nil {
		return nil, err
	}
	limit := cmp.Or(in.Limit, tagsMax)
	tags, more := []types.Tag{}, false
	for _, key := range slices.Sorted(maps.Keys(s.Tags)) {
		if key <= in.ExclusiveStartTagKey {
			continue
		}
		if len(tags) == limit {
			more = true
			break
		}
		tags = append(tags, types.Tag{Key: aws.String(key), Value: aws.String(s.Tags[key])})
	}
	return map[string]any{"Tags": tags, "HasMoreTags": more}, nil
}

// tagMap keeps tags as the stream does. A tag without a value has an empty one.
func tagMap(tags []types.Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[*t.Key] = aws.ToString(t.Value)
	}
	return m
}
