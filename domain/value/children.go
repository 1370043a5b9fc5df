package value

// Children are the entries that a node lists, whose bytes b are; a piece has none.
func (e Entry) Children(b []byte) ([]Entry, error) {
	if e.Level == 0 {
		return nil, nil
	}
	return decodeNode(e, b)
}
