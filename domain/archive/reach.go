package archive

import (
	"fmt"

	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// Values are all that an event carries, those among them whose bytes stand in the
// streams that a fork comes from: a file has all bytes.
func Values(e workflow.Event) []value.Value {
	if f, ok := e.(workflow.Forked); ok {
		return f.Inherited()
	}
	return e.Values()
}

// Reach lists the bytes that values name, and that these list in turn, as far as
// bytes can read them. What cannot be read is listed: it is not looked into.
func Reach(values []value.Value, bytes func(value.Address) ([]byte, bool)) (missing []value.Address, err error) {
	seen := map[value.Address]bool{}
	var open []value.Entry
	for _, v := range values {
		if v.Manifest.IsZero() {
			open = append(open, v.Add...)
			continue
		}
		b, ok := bytes(v.Manifest)
		if !ok {
			missing = append(missing, v.Manifest)
			continue
		}
		m, err := v.Resolve(nil, func(value.Address) ([]byte, error) { return b, nil })
		if err != nil {
			return nil, err
		}
		open = append(open, m.Entries...)
	}
	for len(open) > 0 {
		e := open[len(open)-1]
		open = open[:len(open)-1]
		if e.Inline != nil || seen[e.Address] {
			continue
		}
		seen[e.Address] = true
		b, ok := bytes(e.Address)
		if !ok {
			missing = append(missing, e.Address)
			continue
		}
		below, err := e.Children(b)
		if err != nil {
			return nil, fmt.Errorf("bytes %s: %w", e.Address, err)
		}
		open = append(open, below...)
	}
	return missing, nil
}
