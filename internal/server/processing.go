package server

import (
	"context"

	"firehose/internal/catalog"
	"firehose/internal/convert"
	"firehose/internal/process/lambda"
)

// openFunctions opens the ways to the functions that transform records.
func (s *Server) openFunctions(ctx context.Context) (*lambda.Functions, error) {
	c := s.config.Lambda
	functions, err := lambda.Open(ctx, lambda.Options{Endpoint: c.Endpoint, Functions: c.Functions, Timeout: c.Timeout, Logger: s.logger})
	if err != nil {
		return nil, err
	}
	s.stopsWith("functions", func(context.Context) error {
		functions.Close()
		return nil
	})
	return functions, nil
}

// openTables opens the catalogue of tables that records are converted to.
func (s *Server) openTables() (convert.Tables, error) {
	return catalog.Open(catalog.Options{Endpoint: s.config.Glue.Endpoint, Region: s.config.Region, Dir: s.config.Catalog.Dir,
		Refresh: s.config.Catalog.Refresh, Logger: s.logger})
}
