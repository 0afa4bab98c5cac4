package destination

// Referring is a Config that refers to what may change while its destination is open, such as the file of a secret.
type Referring interface {
	// References returns a digest of what it refers to now: empty if nothing of that can change. It says nothing of what it
	// is a digest of.
	References() (string, error)
}

// References returns the digest of what a Config refers to, empty for none.
func References(c Config) (string, error) {
	if r, ok := c.(Referring); ok {
		return r.References()
	}
	return "", nil
}
