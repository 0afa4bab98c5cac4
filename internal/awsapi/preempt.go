package awsapi

import (
	"slices"
	"strings"

	"firehose/internal/awsapi/model"
)

// preempt finds the two faults that the service reports before all others and without a list of violations: null among
// the processors, which it does not survive, and a schema's role that is no role.
func preempt(tree map[string]any) error {
	for name, destination := range tree {
		if !strings.Contains(name, "Destination") {
			continue
		}
		if slices.Contains(under[[]any](destination, "ProcessingConfiguration", "Processors"), nil) {
			return errInternal
		}
		role := under[string](destination, "DataFormatConversionConfiguration", "SchemaConfiguration", "RoleARN")
		if role != "" && !strings.ContainsAny(role, " \t\n\v\f\r") && !roleARN().Match(role) {
			return &Error{"InvalidParameterValueException", "Invalid role ARN."}
		}
	}
	return nil
}

// hideEmptyNames takes out of a request the one text that is sent empty though the model forbids it, and returns what puts
// it back: Terraform's provider gives an endpoint that has no name an empty one.
func hideEmptyNames(tree map[string]any) (restore func()) {
	restore = func() {}
	for _, kind := range []string{"HttpEndpointDestinationConfiguration", "HttpEndpointDestinationUpdate"} {
		endpoint := under[map[string]any](tree, kind, "EndpointConfiguration")
		if endpoint["Name"] == "" {
			delete(endpoint, "Name")
			restore = func() { endpoint["Name"] = "" }
		}
	}
	return restore
}

// under returns what stands at a path in a tree, or nothing.
func under[T any](tree any, path ...string) (value T) {
	for _, name := range path {
		structure, _ := tree.(map[string]any)
		tree = structure[name]
	}
	value, _ = tree.(T)
	return value
}

// roleARN is the pattern of roles.
func roleARN() *model.Pattern {
	s3 := model.Operations()["CreateDeliveryStream"].Member("S3DestinationConfiguration").Shape
	return s3.Member("RoleARN").Shape.Pattern
}
