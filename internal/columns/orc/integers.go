package orc

// integers writes whole numbers by their run lengths, in blocks.
type integers struct {
	out    *stream
	runs   runs
	signed bool // else there are no negative numbers
	held   []int64
	work   []byte
}

// runs is a version of run length encoding.
type runs interface {
	// append appends the encoded values, at most blockMax. What one call writes can be decoded without what others wrote.
	append(dst []byte, values []int64, signed bool) []byte
}

func newRuns(version string) runs {
	if version == "V0_11" {
		return runs1{}
	}
	return new(runs2)
}

func (x *integers) add(values []int64) {
	for len(values) > 0 {
		if len(x.held) == 0 && len(values) >= blockMax {
			x.encode(values[:blockMax])
			values = values[blockMax:]
			continue
		}
		n := min(len(values), blockMax-len(x.held))
		x.held = append(x.held, values[:n]...)
		values = values[n:]
		if len(x.held) == blockMax {
			x.flush()
		}
	}
}

func (x *integers) addOne(value int64) {
	x.held = append(x.held, value)
	if len(x.held) == blockMax {
		x.flush()
	}
}

func (x *integers) encode(block []int64) {
	x.work = x.runs.append(x.work[:0], block, x.signed)
	x.out.write(x.work)
}

func (x *integers) flush() {
	x.encode(x.held)
	x.held = x.held[:0]
}

func (x *integers) position(to []uint64) []uint64 {
	return append(x.out.position(to), uint64(len(x.held)))
}

func (x *integers) finish() {
	x.flush()
	x.out.spill()
}
