package api_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/duolog/duolog/handlers/values"
)

// val is a value as a client reads it: its type and its bytes.
type val struct{ Type, Raw string }

type channelValue struct {
	Channel string
	Value   val
}

type threadWrite struct {
	Task, Path string
	Idx        int
	Channel    string
	Value      val
}

// tuple is a checkpoint as a saver reads it.
type tuple struct {
	Thread     string          `json:"thread_id"`
	NS         string          `json:"checkpoint_ns"`
	ID         string          `json:"checkpoint_id"`
	Parent     *string         `json:"parent_checkpoint_id"`
	Checkpoint json.RawMessage `json:"checkpoint"`
	Metadata   json.RawMessage `json:"metadata"`
	Number     int64           `json:"number"`
	Created    string          `json:"created_at"`
	Values     []channelValue  `json:"-"`
	Writes     []threadWrite   `json:"-"`
	Sends      []threadWrite   `json:"-"`
}

type wireWrite struct {
	Task    string          `json:"task_id"`
	Path    string          `json:"task_path"`
	Idx     int             `json:"idx"`
	Channel string          `json:"channel"`
	Value   json.RawMessage `json:"value"`
}

// document is an answer with values.
type document struct {
	t    *testing.T
	body values.Body
}

func (a reply) document(into any) document {
	a.t.Helper()
	if got := a.header.Get("Content-Type"); got != values.ContentType {
		a.t.Fatalf("the answer is %q", got)
	}
	d := document{a.t, values.Split(a.body)}
	must(a.t, json.Unmarshal(d.body.Head, into))
	return d
}

func (d document) value(raw []byte) val {
	d.t.Helper()
	v, err := d.body.Value("value", raw)
	must(d.t, err)
	return val{v.Type, string(v.Raw)}
}

func (d document) writes(list []wireWrite) (out []threadWrite) {
	d.t.Helper()
	for _, w := range list {
		out = append(out, threadWrite{w.Task, w.Path, w.Idx, w.Channel, d.value(w.Value)})
	}
	return out
}

func (d document) tuple(raw []byte) *tuple {
	d.t.Helper()
	if string(raw) == "null" {
		return nil
	}
	out := &tuple{}
	must(d.t, json.Unmarshal(raw, out))
	var apart struct {
		Values []struct {
			Channel string
			Value   json.RawMessage
		}
		Writes []wireWrite
		Sends  []wireWrite `json:"pending_sends"`
	}
	must(d.t, json.Unmarshal(raw, &apart))
	for _, v := range apart.Values {
		out.Values = append(out.Values, channelValue{v.Channel, d.value(v.Value)})
	}
	out.Writes, out.Sends = d.writes(apart.Writes), d.writes(apart.Sends)
	return out
}

func (r *rig) threadGet(who string, body any) *tuple {
	r.t.Helper()
	var head struct{ Checkpoint json.RawMessage }
	d := r.send(who, "POST", "/v1/threads/get", body).want(http.StatusOK).document(&head)
	return d.tuple(head.Checkpoint)
}

func (r *rig) threadPage(who string, body map[string]any) (out []*tuple, next string) {
	r.t.Helper()
	var head struct {
		Checkpoints []json.RawMessage
		Next        string
	}
	d := r.send(who, "POST", "/v1/threads/list", body).want(http.StatusOK).document(&head)
	for _, raw := range head.Checkpoints {
		out = append(out, d.tuple(raw))
	}
	return out, head.Next
}

// threadList follows next to the end and gives the ids.
func (r *rig) threadList(who string, body map[string]any) (ids []string) {
	r.t.Helper()
	for {
		page, next := r.threadPage(who, body)
		for _, t := range page {
			ids = append(ids, t.ID)
		}
		if next == "" {
			return ids
		}
		body["cursor"] = next
	}
}
