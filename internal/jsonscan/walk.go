package jsonscan

// Walk reads a document step by step, for those who look for more than Paths can say. A step takes the offset of what it
// reads, without space before it. It returns the offset after that, or the complement of the offset at which the
// document is wrong.
type Walk struct{ scan scan }

// Reset begins with a document.
func (w *Walk) Reset(doc []byte) { w.scan = scan{doc: doc} }

// Space skips white space.
func (w *Walk) Space(i int) int { return w.scan.space(i) }

// Value skips a value. Depth is how many arrays and objects it stands in.
func (w *Walk) Value(i, depth int) int { return w.scan.value(i, depth, nil) }

// Text skips a string, and says whether it has an escape in it.
func (w *Walk) Text(i int) (end int, escaped bool) {
	if i >= len(w.scan.doc) || w.scan.doc[i] != '"' {
		return ^i, false
	}
	return w.scan.text(i + 1)
}
