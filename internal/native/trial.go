package native

import (
	"firehose/internal/destination"
	"firehose/internal/verdict"
)

var _ destination.Referrer = referring{}

// Resolved returns the destination with its credentials.
func (c referring) Resolved() (destination.Config, error) {
	config, err := c.resolve()
	if err != nil {
		return nil, &verdict.SetUp{Code: "Secret.Missing", Fix: "Set it where the server runs, and start the server again.", Err: err}
	}
	return config, nil
}

// Unresolved returns the destination without its credentials.
func (c referring) Unresolved() destination.Config { return c.Config }
