package native

import "firehose/internal/destination"

var _ destination.Referrer = referring{}

// Resolved returns the destination with its credentials.
func (c referring) Resolved() (destination.Config, error) {
	config, err := c.resolve()
	if err != nil {
		return nil, unresolved(err)
	}
	return config, nil
}

// Unresolved returns the destination without its credentials.
func (c referring) Unresolved() destination.Config { return c.Config }
