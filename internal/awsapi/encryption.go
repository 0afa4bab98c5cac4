package awsapi

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"firehose/internal/stream"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// The quota of calls that start or stop a stream's encryption.
const (
	encryptionCallsMax    = 25
	encryptionCallsPeriod = 24 * time.Hour
)

type startEncryptionInput struct {
	DeliveryStreamName                         string
	DeliveryStreamEncryptionConfigurationInput *types.DeliveryStreamEncryptionConfigurationInput
}

// startDeliveryStreamEncryption asks for encryption, or for another key where there is some already. Whoever keeps the
// streams sees ENABLING and does it.
func (h *Handler) startDeliveryStreamEncryption(c *call, in *startEncryptionInput) (any, error) {
	key := c.key(in.DeliveryStreamName)
	wanted := cmp.Or(in.DeliveryStreamEncryptionConfigurationInput,
		&types.DeliveryStreamEncryptionConfigurationInput{KeyType: types.KeyTypeAwsOwnedCmk})
	return h.changeEncryption(c, key, func(s *stream.Stream) error {
		if err := checkEncryption(key, s.Type, wanted); err != nil {
			return err
		}
		startEncryption(&s.Encryption, wanted)
		return nil
	})
}

// startEncryption notes the wanted key. Data keys stay: blocks in the log still need them.
func startEncryption(e *stream.Encryption, wanted *types.DeliveryStreamEncryptionConfigurationInput) {
	e.Status = stream.EncryptionEnabling
	e.KeyType, e.KeyARN = string(wanted.KeyType), aws.ToString(wanted.KeyARN)
	e.Failure = nil
}

type stopEncryptionInput struct {
	DeliveryStreamName string
}

// stopDeliveryStreamEncryption asks for the end of encryption; there need be none.
func (h *Handler) stopDeliveryStreamEncryption(c *call, in *stopEncryptionInput) (any, error) {
	key := c.key(in.DeliveryStreamName)
	return h.changeEncryption(c, key, func(s *stream.Stream) error {
		if err := checkEncryption(key, s.Type, &types.DeliveryStreamEncryptionConfigurationInput{}); err != nil {
			return err
		}
		if e := &s.Encryption; e.Status != "" && e.Status != stream.EncryptionDisabled {
			e.Status, e.Failure = stream.EncryptionDisabling, nil
		}
		return nil
	})
}

// changeEncryption applies a change when the stream's status, the encryption's and the quota of calls allow one.
func (h *Handler) changeEncryption(c *call, key stream.Key, change func(*stream.Stream) error) (any, error) {
	_, err := h.streams.Update(c.ctx, key, func(s *stream.Stream) error {
		if s.Status != stream.Active {
			return wrongStatus("update", s)
		}
		if e := s.Encryption.Status; e == stream.EncryptionEnabling || e == stream.EncryptionDisabling {
			return &Error{"ResourceInUseException",
				fmt.Sprintf("Cannot update firehose: %s when its encryption is in %s status", s.Name, e)}
		}
		now := h.Now().UTC()
		calls := slices.DeleteFunc(s.Encryption.Calls, func(t time.Time) bool { return now.Sub(t) >= encryptionCallsPeriod })
		if len(calls) >= encryptionCallsMax {
			return limitExceeded("Firehose %s has reached the limit of %d encryption calls within 24 hours.", s.Name, encryptionCallsMax)
		}
		s.Encryption.Calls = append(calls, now)
		return change(s)
	})
	return empty{}, err
}
