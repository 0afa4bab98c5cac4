package awsapi

import (
	"github.com/aws/aws-sdk-go-v2/aws"
)

// checkBuilt refuses what a destination asks for and nothing here does yet. The member is the destination's name in the
// request.
func checkBuilt(d *extendedS3, member string) error {
	if p := d.ProcessingConfiguration; p != nil && aws.ToBool(p.Enabled) && len(p.Processors) > 0 {
		return unsupported(member + ".ProcessingConfiguration.Processors: processor type " + string(p.Processors[0].Type))
	}
	if partitioned(d) {
		return unsupported(member + ".DynamicPartitioningConfiguration: Enabled true")
	}
	if aws.ToBool(orZero(d.DataFormatConversionConfiguration).Enabled) {
		return unsupported(member + ".DataFormatConversionConfiguration: Enabled true")
	}
	return nil
}
