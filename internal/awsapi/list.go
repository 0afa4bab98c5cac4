package awsapi

import "cmp"

// listLimitDefault is how many streams a list holds when its request does not say.
const listLimitDefault = 10

type listInput struct {
	Limit                            int
	DeliveryStreamType               string
	ExclusiveStartDeliveryStreamName string
}

// listDeliveryStreams lists names in ascending order, from behind the given one, which need not exist.
func (h *Handler) listDeliveryStreams(c *call, in *listInput) (any, error) {
	limit := cmp.Or(in.Limit, listLimitDefault)
	names, more := []string{}, false
	for _, s := range h.streams.List(c.account, c.region) {
		if s.Name <= in.ExclusiveStartDeliveryStreamName || in.DeliveryStreamType != "" && s.Type != in.DeliveryStreamType {
			continue
		}
		if len(names) == limit {
			more = true
			break
		}
		names = append(names, s.Name)
	}
	return map[string]any{"DeliveryStreamNames": names, "HasMoreDeliveryStreams": more}, nil
}
