package projections

import (
	"encoding/json"
	"fmt"

	"github.com/duolog/duolog/domain/value"
)

// packColumn compresses a column that holds JSON. What the dictionary is no help for
// stays as it is: whatever does not begin with the mark is JSON.
func (c *Codec) packColumn(b []byte) []byte {
	if len(b) >= dictionaryBelow {
		return b
	}
	folded, ok := foldHex(b)
	if !ok {
		return b
	}
	if packed := c.over(markRow, folded); len(packed) < len(b) {
		return packed
	}
	return b
}

// unpackColumn reads what packColumn wrote, and columns of before.
func (c *Codec) unpackColumn(b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] != markRow {
		return b, nil
	}
	return c.under(b)
}

// packValue is the column of a value. Most are headers, whose JSON takes about so much.
func (c *Codec) packValue(v value.Value) []byte {
	const about = 768
	return c.packColumn(v.AppendJSON(make([]byte, 0, about)))
}

// ReadValue reads a column that holds a value.
func (c *Codec) ReadValue(column []byte) (v value.Value, err error) {
	raw, err := c.unpackColumn(column)
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil {
		return v, fmt.Errorf("read a value: %w", err)
	}
	return v, nil
}
