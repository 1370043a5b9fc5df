package difference

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
)

// Kind says what happened to a value.
type Kind string

// The kinds there are.
const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Changed Kind = "changed"
)

// Change is what happened to a channel, or to an item of its list or object.
type Change struct {
	Kind Kind
	// Name is the channel, or the member of an object; Index is the place of an item of a
	// list, where it is now, or was where it is removed.
	Name  string
	Index *int
	// From and To are JSON: the value before and after, where there is one. Lists and
	// objects that changed have Items instead.
	From, To json.RawMessage
	Items    []Change
}

// compare says how a value became another. Of two lists the items count, of two objects
// the members.
func compare(from, to json.RawMessage) Change {
	whole := Change{Kind: Changed, From: from, To: to}
	switch {
	case first(from) == '[' && first(to) == '[':
		var a, b []json.RawMessage
		if json.Unmarshal(from, &a) == nil && json.Unmarshal(to, &b) == nil {
			return Change{Kind: Changed, Items: lists(a, b)}
		}
	case first(from) == '{' && first(to) == '{':
		var a, b map[string]json.RawMessage
		if json.Unmarshal(from, &a) == nil && json.Unmarshal(to, &b) == nil {
			return Change{Kind: Changed, Items: members(a, b)}
		}
	}
	return whole
}

func first(raw json.RawMessage) byte {
	if raw = bytes.TrimLeft(raw, " \t\r\n"); len(raw) == 0 {
		return 0
	}
	return raw[0]
}

// members compares two objects, by name.
func members(a, b map[string]json.RawMessage) []Change {
	out := []Change{}
	for name, was := range a {
		is, there := b[name]
		switch {
		case !there:
			out = append(out, Change{Kind: Removed, Name: name, From: was})
		case !same(was, is):
			out = append(out, Change{Kind: Changed, Name: name, From: was, To: is})
		}
	}
	for name, is := range b {
		if _, was := a[name]; !was {
			out = append(out, Change{Kind: Added, Name: name, To: is})
		}
	}
	slices.SortFunc(out, func(x, y Change) int { return bytes.Compare([]byte(x.Name), []byte(y.Name)) })
	return out
}

// lists compares two lists: by the ids of their items where all have one of their own,
// as messages do; else by place, once what is the same at both ends is put aside.
func lists(a, b []json.RawMessage) []Change {
	if ids, ok := idsOf(a); ok {
		if others, ok := idsOf(b); ok {
			return byID(a, b, ids, others)
		}
	}
	head := 0
	for head < min(len(a), len(b)) && same(a[head], b[head]) {
		head++
	}
	tail := 0
	for tail < min(len(a), len(b))-head && same(a[len(a)-1-tail], b[len(b)-1-tail]) {
		tail++
	}
	out := []Change{}
	for i := head; i < max(len(a), len(b))-tail; i++ {
		switch {
		case i >= len(a)-tail:
			out = append(out, Change{Kind: Added, Index: &i, To: b[i]})
		case i >= len(b)-tail:
			out = append(out, Change{Kind: Removed, Index: &i, From: a[i]})
		case !same(a[i], b[i]):
			out = append(out, Change{Kind: Changed, Index: &i, From: a[i], To: b[i]})
		}
	}
	return out
}

// byID compares items that have ids; one that only moved is the same. What is there
// comes in its order, then what is removed.
func byID(a, b []json.RawMessage, was, is map[string]int) []Change {
	out := []Change{}
	for id, at := range is {
		before, there := was[id]
		switch {
		case !there:
			out = append(out, Change{Kind: Added, Index: &at, To: b[at]})
		case !same(a[before], b[at]):
			out = append(out, Change{Kind: Changed, Index: &at, From: a[before], To: b[at]})
		}
	}
	slices.SortFunc(out, func(x, y Change) int { return *x.Index - *y.Index })
	there := len(out)
	for id, at := range was {
		if _, kept := is[id]; !kept {
			out = append(out, Change{Kind: Removed, Index: &at, From: a[at]})
		}
	}
	slices.SortFunc(out[there:], func(x, y Change) int { return *x.Index - *y.Index })
	return out
}

// idsOf are the places of the items by their id; false where not every item has one of
// its own.
func idsOf(list []json.RawMessage) (map[string]int, bool) {
	out := make(map[string]int, len(list))
	for i, raw := range list {
		var item struct {
			ID     *string `json:"id"`
			Kwargs struct {
				ID *string `json:"id"`
			} `json:"kwargs"`
		}
		if first(raw) != '{' || json.Unmarshal(raw, &item) != nil {
			return nil, false
		}
		id := item.ID
		if id == nil {
			id = item.Kwargs.ID // an object of a class that plain shows
		}
		if id == nil {
			return nil, false
		}
		if _, twice := out[*id]; twice {
			return nil, false
		}
		out[*id] = i
	}
	return out, true
}

// same says whether two texts are the same JSON.
func same(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y any
	return decode(a, &x) && decode(b, &y) && reflect.DeepEqual(x, y)
}

func decode(raw json.RawMessage, into *any) bool {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d.Decode(into) == nil
}
