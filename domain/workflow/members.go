package workflow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// members are those of a JSON object, in their order, each value as it came.
type members struct{ list []member }

type member struct {
	name string
	raw  json.RawMessage
}

func parseMembers(raw []byte) (*members, error) {
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	if open, err := d.ReadToken(); err != nil || open.Kind() != '{' {
		return nil, errors.New("it is no JSON object")
	}
	m := &members{}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		text := name.String()
		v, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		m.list = append(m.list, member{text, json.RawMessage(bytes.Clone(v))})
	}
	_, err := d.ReadToken()
	return m, err
}

func (m *members) at(name string) int {
	return slices.IndexFunc(m.list, func(o member) bool { return o.name == name })
}

func (m *members) get(name string) (json.RawMessage, bool) {
	if i := m.at(name); i >= 0 {
		return m.list[i].raw, true
	}
	return nil, false
}

func (m *members) set(name string, raw json.RawMessage) {
	if i := m.at(name); i >= 0 {
		m.list[i].raw = raw
		return
	}
	m.list = append(m.list, member{name, raw})
}

func (m *members) drop(name string) {
	m.list = slices.DeleteFunc(m.list, func(o member) bool { return o.name == name })
}

func (m *members) json() json.RawMessage {
	b := []byte{'{'}
	for i, o := range m.list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(domain.AppendText(b, o.name), ':')
		b = append(b, o.raw...)
	}
	return append(b, '}')
}

func quoted(s string) json.RawMessage { return domain.AppendText(nil, s) }

func quotedList(list []string) json.RawMessage {
	return appendList(nil, list, func(s string, b []byte) []byte { return domain.AppendText(b, s) })
}

// nextVersion is above every version that a channel has, and of the kind that
// the highest is of: a whole number, a number, or LangGraph's text of a count
// and something random, which seed stands in for.
func nextVersion(versions *members, seed uuid.UUID) json.RawMessage {
	var highest float64
	var text string
	isText, whole := false, true
	for _, v := range versions.list {
		var s string
		if json.Unmarshal(v.raw, &s) == nil {
			if isText = true; countOf(s) > countOf(text) || countOf(s) == countOf(text) && s > text {
				text = s
			}
			continue
		}
		n, err := strconv.ParseFloat(string(v.raw), 64)
		if err == nil {
			highest = max(highest, n)
			whole = whole && n == math.Trunc(n) && !strings.ContainsAny(string(v.raw), ".eE")
		}
	}
	switch {
	case isText:
		return quoted(nextText(text, seed))
	case whole && highest < 1<<53:
		return strconv.AppendInt(nil, int64(highest)+1, 10)
	}
	return strconv.AppendFloat(nil, math.Floor(highest)+1, 'f', 1, 64)
}

// countOf is the whole number that a version in text begins with.
func countOf(s string) int64 {
	count, _, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

func nextText(s string, seed uuid.UUID) string {
	count, _, dotted := strings.Cut(s, ".")
	n := countOf(s)
	if n < 0 {
		return s + ".1" // no count: what is longer sorts after it
	}
	next := fmt.Sprintf("%0*d", len(count), n+1)
	if !dotted {
		return next
	}
	random := uint64(0)
	for _, b := range seed[:8] {
		random = random<<8 | uint64(b)
	}
	return fmt.Sprintf("%s.0.%016d", next, random%1e16)
}

// nextCheckpointID is an id that sorts after the newest of the namespace: the
// newest checkpoint is that with the greatest id. It is of the kind that the
// checkpoint's own is of, since kinds sort apart from one another.
func nextCheckpointID(like, newest uuid.UUID, env Env) uuid.UUID {
	id := env.derive("checkpoint")
	switch like.Version() {
	case 7:
		putMillis(&id, env.Now)
	case 6:
		putTicks(&id, env.Now)
	default: // 1: its text has no order of time, so it only follows
		id = uuid.Nil
	}
	if !after(newest, uuid.Nil) {
		newest = like
	}
	if after(id, newest) && after(id, like) {
		return id
	}
	if after(like, newest) {
		newest = like
	}
	return successor(newest)
}

// putMillis makes a UUIDv7 of now.
func putMillis(id *uuid.UUID, now time.Time) {
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i)) //nolint:gosec // the byte is meant
	}
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
}

// putTicks makes a UUIDv6 of now: 100 ns since 1582-10-15, highest bits first.
func putTicks(id *uuid.UUID, now time.Time) {
	const since1582 = 0x01b21dd213814000
	ticks := uint64(now.UnixNano()/100 + since1582)
	for i := range 6 {
		id[i] = byte(ticks >> (52 - 8*i)) //nolint:gosec // the byte is meant
	}
	id[6], id[7] = byte(ticks>>8)&0x0f|0x60, byte(ticks) //nolint:gosec // the bytes are meant
	id[8] = id[8]&0x3f | 0x80
}

// successor is the next id in order with the same time.
func successor(id uuid.UUID) uuid.UUID {
	for i := len(id) - 1; i > 8; i-- {
		if id[i]++; id[i] != 0 {
			break
		}
	}
	return id
}
