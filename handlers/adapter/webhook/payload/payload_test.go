package payload_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/duolog/duolog/handlers/adapter/webhook/payload"
)

func TestBody(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("8d4e2f10-9b7a-5e33-b1c2-a0b1c2d3e4f5")
	for name, c := range map[string]struct {
		text string
		cut  bool
	}{
		"short":                    {text: "a < b & é\n"},
		"long":                     {strings.Repeat("word ", 5000), true},
		"long in JSON":             {strings.Repeat("\x01", 10000), true},
		"far too long":             {strings.Repeat("\"é", 1<<20), true},
		"characters of four bytes": {strings.Repeat("\U0001f600", 6000), true},
		"no UTF-8":                 {strings.Repeat("\xff", 20000), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := payload.Payload{
				Type: payload.Completed, Timestamp: time.Date(2026, 11, 21, 11, 0, 0, 0, time.FixedZone("CET", 3600)),
				Data: payload.Data{Workflow: id, Number: 1003, Flow: "developer/v1", Status: "finished", Text: c.text, URL: payload.Link("https://duolog.example.com", 1003)},
			}
			raw, err := p.Encode()
			if err != nil {
				t.Fatal(err)
			}
			body := payload.Body(id, raw)
			var got struct {
				ID        uuid.UUID
				Type      string
				Timestamp string
				Data      payload.Data
			}
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatal(err)
			}
			if len(body) > payload.MaxBody || c.cut && len(body) < payload.MaxBody/4 {
				t.Errorf("it has %d bytes", len(body))
			}
			if got.ID != id || got.Type != "flow.completed" || got.Timestamp != "2026-11-21T10:00:00Z" || got.Data.Number != 1003 {
				t.Errorf("it is %s", body[:200])
			}
			if got.Data.Cut != c.cut || !c.cut && got.Data.Text != c.text || !utf8.ValidString(got.Data.Text) {
				t.Errorf("cut %t to %d bytes", got.Data.Cut, len(got.Data.Text))
			}
		})
	}
	if got := string(payload.Body(id, json.RawMessage(`{}`))); got != `{"id":"`+id.String()+`"}` {
		t.Error(got)
	}
	if got := string(payload.Body(id, nil)); got != `{"id":"`+id.String()+`"}` {
		t.Error(got)
	}
}

func TestWhatCannotBeCutIsAnError(t *testing.T) {
	t.Parallel()
	p := payload.Payload{Data: payload.Data{Reason: strings.Repeat("r", payload.MaxBody)}}
	if raw, err := p.Encode(); err == nil {
		t.Errorf("it has %d bytes", len(raw))
	}
}
