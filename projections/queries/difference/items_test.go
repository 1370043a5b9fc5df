package difference

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// told is a change as a line: what, where, from, to.
func told(c Change) string {
	if c.Items == nil {
		return fmt.Sprintf("%s %s>%s", c.Kind, c.From, c.To)
	}
	var lines []string
	for _, i := range c.Items {
		at := i.Name
		if i.Index != nil {
			at = fmt.Sprint(*i.Index)
		}
		lines = append(lines, fmt.Sprintf("%s %s %s>%s", i.Kind, at, i.From, i.To))
	}
	return strings.Join(lines, ", ")
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to, want string }{
		{`1`, `2`, `changed 1>2`},
		{`[1]`, `{"a":1}`, `changed [1]>{"a":1}`},
		{`[1,2]`, `[1,2,3]`, `added 2 >3`},
		{`[1,2,3]`, `[2,3]`, `removed 0 1>`},
		{`[1,2,3]`, `[1,9,3]`, `changed 1 2>9`},
		{`[1,2,3,4]`, `[1,8,9,7,4]`, `changed 1 2>8, changed 2 3>9, added 3 >7`},
		{`[1,1]`, `[1]`, `removed 1 1>`},
		{`[]`, `[1]`, `added 0 >1`},
		{`[{"a":1,"b":2}]`, `[{"b":2,"a":1}]`, ``},
		{`[{"id":"x","n":1},{"id":"y"}]`, `[{"id":"z"},{"id":"x","n":2}]`, `added 0 >{"id":"z"}, changed 1 {"id":"x","n":1}>{"id":"x","n":2}, removed 1 {"id":"y"}>`},
		{`[{"id":"x"},{"id":"y"}]`, `[{"id":"y"},{"id":"x"}]`, ``},
		{`[{"class":"M","kwargs":{"id":"x"}}]`, `[{"class":"M","kwargs":{"id":"w"}},{"class":"M","kwargs":{"id":"x"}}]`, `added 0 >{"class":"M","kwargs":{"id":"w"}}`},
		{`[{"id":"x"},{"id":"x"}]`, `[{"id":"x"}]`, `removed 1 {"id":"x"}>`}, // an id twice names nothing
		{`[{"id":1}]`, `[{"id":2}]`, `changed 0 {"id":1}>{"id":2}`},
		{`{"a":1,"b":2,"c":3}`, `{"a":1,"b":4,"d":5}`, `changed b 2>4, removed c 3>, added d >5`},
		{`{"n":9007199254740993}`, `{"n":9007199254740992}`, `changed n 9007199254740993>9007199254740992`},
	} {
		if got := told(compare(json.RawMessage(c.from), json.RawMessage(c.to))); got != c.want {
			t.Errorf("%s → %s is %q, not %q", c.from, c.to, got, c.want)
		}
	}
}
