package answer

import (
	"encoding/json"
	"strings"
)

// entry is what counts of one line of the chat log.
type entry struct {
	Type      string          `json:"message_type"`
	Content   json.RawMessage `json:"content"`
	ToolCalls json.RawMessage `json:"tool_calls"`
}

// Parse finds the last words in the bytes of a chat log. It takes whatever
// agents write: an entry it cannot read is skipped.
func Parse(raw []byte) Said {
	var log []json.RawMessage
	if json.Unmarshal(raw, &log) != nil {
		return Said{}
	}
	var out Said
	for i := len(log) - 1; i >= 0 && (out.Answer == "" || out.Question == ""); i-- {
		var e entry
		if json.Unmarshal(log[i], &e) != nil {
			continue
		}
		if e.Type == "user" {
			out.asked()
		}
		text, isAgent := e.text(), e.Type == "agent"
		if out.Question == "" && (isAgent || e.Type == "request") {
			out.Question = text
		}
		if out.Answer == "" && isAgent && !callsTools(e.ToolCalls) {
			out.Answer = text
		}
	}
	return out
}

func (e entry) text() string {
	var text string
	if json.Unmarshal(e.Content, &text) != nil {
		return ""
	}
	return said(text)
}

// said is a text that says something, cut where it is too long.
func said(text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return clip(text)
}

func callsTools(calls json.RawMessage) bool {
	switch strings.TrimSpace(string(calls)) {
	case "", "null", "[]", "{}":
		return false
	}
	return true
}
