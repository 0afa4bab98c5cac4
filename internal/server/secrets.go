package server

import (
	"context"

	"firehose/internal/cloudwatch"
	"firehose/internal/config"
	"firehose/internal/control"
	"firehose/internal/disk"
	"firehose/internal/keyring"
	"firehose/internal/metric"
	"firehose/internal/task"
)

// openKeyring opens the keys that wrap the data keys of encrypted streams. None is needed before a stream asks.
func (s *Server) openKeyring(ctx context.Context) (*keyring.Keyring, error) {
	c := s.config
	settings := keyring.Settings{
		MasterKeyFile: c.MasterKeyFile(),
		CustomerKeys:  map[string]keyring.Key{},
		KMS:           c.KMS.Endpoint,
		FS:            disk.OS,
		Logger:        s.logger,
	}
	var err error
	key := func(secret config.Secret) keyring.Key {
		k, wrong := secret.Key()
		if wrong != nil {
			err = wrong
		}
		return k
	}
	if c.Encryption.MasterKey != "" {
		master := key(c.Encryption.MasterKey)
		settings.MasterKey = &master
	}
	for arn, secret := range c.KMS.Keys {
		settings.CustomerKeys[arn] = key(secret)
	}
	if err != nil {
		return nil, err
	}
	return keyring.Open(ctx, settings)
}

// startDiagnostics starts what sends the diagnostics of streams to CloudWatch Logs, if that is configured. What it
// returns is nil otherwise.
func (s *Server) startDiagnostics(ctx context.Context) (func(control.Diagnostic), error) {
	if s.config.CloudWatchLogs.Endpoint == "" {
		return nil, nil
	}
	sink, err := cloudwatch.Open(ctx, cloudwatch.Settings{Endpoint: s.config.CloudWatchLogs.Endpoint, Logger: s.logger})
	if err != nil {
		return nil, err
	}
	sending := task.NewGroup(context.WithoutCancel(ctx))
	sending.Go("send diagnostics", sink.Run)
	s.stopsWith("diagnostics", func(context.Context) error {
		sending.Stop()
		return sending.Wait()
	})
	s.registry.MustRegister(metric.Diagnostics(func() map[string]uint64 {
		stats := sink.Stats()
		return map[string]uint64{"sent": stats.Sent, "left_out": stats.LeftOut, "dropped": stats.Dropped, "rejected": stats.Rejected}
	}))
	return func(d control.Diagnostic) {
		sink.Diagnose(cloudwatch.Diagnostic{
			StreamARN: d.Stream.ARN(),
			Region:    d.Stream.Region,
			Version:   d.Version,
			Target:    d.Target,
			Code:      d.Code,
			Message:   d.Message,
			Processor: d.Processor,
			LogGroup:  d.Logging.Group,
			LogStream: d.Logging.Stream,
			Occurred:  d.Occurred,
		})
	}, nil
}
