package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/smithy-go"

	"firehose/internal/columns"
	"firehose/internal/convert"
	"firehose/internal/verdict"
)

// service is AWS Glue, or what speaks its protocol.
type service struct {
	client *glue.Client
	region string // of tables that name none; empty means the SDK's
}

func openService(ctx context.Context, endpoint, region string) (*service, error) {
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("configure Glue: %w", err)
	}
	return &service{region: region, client: glue.NewFromConfig(settings, func(o *glue.Options) {
		if endpoint != "aws" {
			o.BaseEndpoint = &endpoint
		}
	})}, nil
}

// table asks for a table. The error is a *verdict.SetUp where asking again cannot help.
func (s *service) table(ctx context.Context, r convert.Ref) (*columns.Type, error) {
	found, err := s.ask(ctx, r, s.inRegion(r))
	if err != nil {
		return nil, judge(r, fmt.Errorf("ask Glue for table %s: %w", tableName(r), err))
	}
	var list []column
	if found != nil && found.StorageDescriptor != nil {
		for _, c := range found.StorageDescriptor.Columns {
			list = append(list, column{aws.ToString(c.Name), aws.ToString(c.Type)})
		}
	}
	return compile("table "+tableName(r)+" in Glue", list)
}

func (s *service) ask(ctx context.Context, r convert.Ref, in func(*glue.Options)) (*types.Table, error) {
	if isLatest(r.Version) {
		out, err := s.client.GetTable(ctx, &glue.GetTableInput{CatalogId: catalogID(r), DatabaseName: &r.Database, Name: &r.Table}, in)
		if err != nil {
			return nil, err
		}
		return out.Table, nil
	}
	out, err := s.client.GetTableVersion(ctx, &glue.GetTableVersionInput{
		CatalogId: catalogID(r), DatabaseName: &r.Database, TableName: &r.Table, VersionId: &r.Version,
	}, in)
	if err != nil || out.TableVersion == nil {
		return nil, err
	}
	return out.TableVersion.Table, nil
}

func (s *service) inRegion(r convert.Ref) func(*glue.Options) {
	return func(o *glue.Options) {
		for _, region := range []string{s.region, r.Region} {
			if region != "" {
				o.Region = region
			}
		}
	}
}

// catalogID returns the account whose catalogue is asked, or nil for that of the credentials. An account of zeros is
// what requests without verification have, and nobody's at Amazon.
func catalogID(r convert.Ref) *string {
	if strings.Trim(r.CatalogID, "0") == "" {
		return nil
	}
	return &r.CatalogID
}

// denied holds the error codes of requests that need other credentials or permissions.
var denied = map[string]bool{
	"AccessDeniedException": true, "UnrecognizedClientException": true, "InvalidClientTokenId": true, "OptInRequired": true,
	"InvalidSignatureException": true, "IncompleteSignature": true, "MissingAuthenticationToken": true, "ExpiredTokenException": true,
	"GlueEncryptionException": true,
}

// judge tells what somebody must repair from what passes.
func judge(r convert.Ref, err error) error {
	var code string
	var api smithy.APIError
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	switch {
	case code == "EntityNotFoundException":
		return &verdict.SetUp{Code: codeNotFound, Err: err,
			Fix: fmt.Sprintf("Create the database %q and the table %q in Glue, in the region and account that the stream names.", r.Database, r.Table)}
	case code == "InvalidInputException":
		return &verdict.SetUp{Code: codeInvalidInput, Err: err, Fix: "Correct the database, table and version of the stream's schema configuration."}
	case denied[code]:
		return &verdict.SetUp{Code: codeAccessDenied, Err: err,
			Fix: "Allow glue:GetTable and glue:GetTableVersion to the credentials that this server runs with."}
	case strings.Contains(err.Error(), "get credentials"): // the SDK has no error type for it
		return &verdict.SetUp{Code: codeAccessDenied, Err: err, Fix: "Give this server an access key, a profile or a role that may read Glue."}
	}
	return err
}
