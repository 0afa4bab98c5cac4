package awsapi

import "firehose/internal/stream"

// deleteInput is DeleteDeliveryStream's input. AllowForceDelete deletes also what a broken destination keeps from
// being delivered. (Amazon's concerns grants of a key that cannot be retired; there are none here.)
type deleteInput struct {
	DeliveryStreamName string
	AllowForceDelete   bool
}

// deleteDeliveryStream starts a stream's deletion; repeating it is no error.
func (h *Handler) deleteDeliveryStream(c *call, in *deleteInput) (any, error) {
	key := c.key(in.DeliveryStreamName)
	s, err := h.streams.Get(key)
	if err != nil {
		return nil, err
	}
	if s.Status == stream.Creating {
		return nil, wrongStatus("delete", &s)
	}
	return empty{}, h.streams.Delete(c.ctx, key, in.AllowForceDelete)
}
