package splice

import "firehose/internal/jsonscan"

// walker walks the members of an object, and checks on its way that the document is JSON.
type walker struct {
	json  jsonscan.Walk
	doc   []byte
	i     int
	begun bool
	bad   bool // the document is not JSON, or no object

	// The member that next found: its name with quotes, and its value.
	name, nameEnd int
	value, end    int
	other         bool // the name may read otherwise than it is spelled
}

// reset begins with a document.
func (w *walker) reset(doc []byte) {
	*w = walker{doc: doc}
	w.json.Reset(doc)
	w.i = w.json.Space(0)
	w.bad = !w.skip('{')
}

// skip skips a byte, if it is that.
func (w *walker) skip(c byte) bool {
	if w.i < len(w.doc) && w.doc[w.i] == c {
		w.i++
		return true
	}
	return false
}

// next finds the next member. After the last, bad says whether there are more by mistake.
func (w *walker) next() bool {
	if w.bad {
		return false
	}
	w.i = w.json.Space(w.i)
	if w.skip('}') {
		w.bad = w.json.Space(w.i) != len(w.doc)
		return false
	}
	w.bad = w.begun && !w.skip(',') || !w.member()
	w.begun = true
	return !w.bad
}

// member reads a member, and says whether it is one.
func (w *walker) member() bool {
	w.name = w.json.Space(w.i)
	if w.nameEnd, w.other = w.json.Text(w.name); w.nameEnd < 0 {
		return false
	}
	for _, c := range w.doc[w.name:w.nameEnd] {
		w.other = w.other || c >= 0x80 // not UTF-8, perhaps, and then it reads as U+FFFD
	}
	w.i = w.json.Space(w.nameEnd)
	if !w.skip(':') {
		return false
	}
	w.value = w.json.Space(w.i)
	w.end = w.json.Value(w.value, 1)
	w.i = w.end
	return w.end >= 0
}

// is says whether the member has a name.
func (w *walker) is(name string) bool {
	if !w.other {
		return string(w.doc[w.name+1:w.nameEnd-1]) == name
	}
	var short [64]byte
	return string(jsonscan.AppendText(short[:0], w.doc[w.name:w.nameEnd])) == name
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// Compact appends a JSON text without the white space between its tokens.
func Compact(dst, doc []byte) []byte {
	var w jsonscan.Walk
	w.Reset(doc)
	for i := 0; i < len(doc); {
		switch c := doc[i]; {
		case c == '"':
			end, _ := w.Text(i)
			dst = append(dst, doc[i:end]...)
			i = end
		case isSpace(c):
			i++
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}

// IsObject tells an object from other JSON.
func IsObject(doc []byte) bool {
	for _, c := range doc {
		if !isSpace(c) {
			return c == '{'
		}
	}
	return false
}
