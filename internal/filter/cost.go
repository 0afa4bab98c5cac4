package filter

import (
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// unknownSizes tells the estimate of an expression that members of an event may be of any size.
type unknownSizes struct{}

func (unknownSizes) EstimateSize(cost.AstNode) *cost.SizeEstimate { return nil }

func (unknownSizes) EstimateCallCost(function, _ string, _ *cost.AstNode, _ []cost.AstNode) *cost.CallEstimate {
	return nil
}

// sizes counts the steps of our own functions, which read all of their arguments.
type sizes struct{}

func (sizes) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	if function == "" || function[0] != '@' {
		return nil
	}
	steps := uint64(1)
	for _, a := range args {
		steps += sizeOf(a)
	}
	return &steps
}

// bytesPerStep is how much text is read in the time of a step.
const bytesPerStep = 100

func sizeOf(v ref.Val) uint64 {
	switch v := v.(type) {
	case types.String:
		return uint64(len(v) / bytesPerStep)
	case members:
		return uint64(len(v.doc) / bytesPerStep)
	case traits.Lister:
		if n, ok := v.Size().(types.Int); ok {
			return uint64(n)
		}
	}
	return 0
}
