package server

import (
	"context"

	"firehose/internal/control"
)

func (s *Server) openKeyring(ctx context.Context) (control.Keyring, error) { return nil, nil }

func (s *Server) startDiagnostics(ctx context.Context) (func(control.Diagnostic), error) { return nil, nil }
