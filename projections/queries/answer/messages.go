package answer

import (
	"bytes"
	"encoding/json"
	"strings"
)

// made is an object as it is shown: of what it was made.
type made struct {
	Kwargs json.RawMessage `json:"kwargs"`
	Value  json.RawMessage `json:"value"`
	Data   json.RawMessage `json:"data"`
}

// message is what counts of one message of LangChain.
type message struct {
	Type      string          `json:"type"`
	Role      string          `json:"role"`
	Content   json.RawMessage `json:"content"`
	ToolCalls json.RawMessage `json:"tool_calls"`
	More      struct {
		ToolCalls json.RawMessage `json:"tool_calls"`
	} `json:"additional_kwargs"`
}

// ParseMessages finds the last words in the messages of a LangChain agent: one, a list
// of them, or a snapshot of such a list. They are objects as package plain shows them,
// constructors as LangChain writes them in JSON, or plain ones with a type or a role.
func ParseMessages(raw []byte) Said {
	var list []json.RawMessage
	switch raw = bytes.TrimSpace(raw); {
	case json.Unmarshal(raw, &list) == nil:
	case bytes.HasPrefix(raw, []byte("{")):
		var m made
		if json.Unmarshal(raw, &m) == nil && json.Unmarshal(m.Value, &list) != nil {
			list = []json.RawMessage{raw}
		}
	}
	var out Said
	for i := len(list) - 1; i >= 0 && (out.Answer == "" || out.Question == ""); i-- {
		m, by := readMessage(list[i])
		if by == person {
			out.asked()
		}
		if by != agent {
			continue
		}
		text := m.text()
		if out.Question == "" {
			out.Question = text
		}
		if out.Answer == "" && !callsTools(m.ToolCalls) && !callsTools(m.More.ToolCalls) {
			out.Answer = text
		}
	}
	return out
}

// speaker is whose message it is.
type speaker int

const (
	other speaker = iota
	agent
	person
)

// readMessage reads a message, and whose it is.
func readMessage(raw []byte) (message, speaker) {
	var object made
	var m message
	if json.Unmarshal(raw, &object) != nil {
		return m, other
	}
	inner := raw
	if len(object.Kwargs) > 0 {
		inner = object.Kwargs
	} else if len(object.Data) > 0 {
		inner = object.Data
	}
	if json.Unmarshal(inner, &m) != nil {
		return m, other
	}
	switch kind := typeOf(raw); {
	case m.Role == "assistant" || isAgents(m.Type) || isAgents(kind):
		return m, agent
	case m.Role == "user" || isPersons(m.Type) || isPersons(kind):
		return m, person
	}
	return m, other
}

func isAgents(kind string) bool { return kind == "ai" || strings.HasPrefix(kind, "AIMessage") }

func isPersons(kind string) bool { return kind == "human" || strings.HasPrefix(kind, "HumanMessage") }

// typeOf is what a message says it is outside of what it was made of: the name of its
// class, or its type.
func typeOf(raw []byte) string {
	var named struct {
		Class string   `json:"class"`
		ID    []string `json:"id"`
		Type  string   `json:"type"`
	}
	var loose struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(raw, &named) != nil { // an id that is text
		_ = json.Unmarshal(raw, &loose)
		return loose.Type
	}
	switch {
	case named.Class != "":
		return named.Class[strings.LastIndexByte(named.Class, '.')+1:]
	case len(named.ID) > 0:
		return named.ID[len(named.ID)-1]
	}
	return named.Type
}

// text is the text of a message; of one in parts, of those that are text.
func (m message) text() string {
	var whole string
	if json.Unmarshal(m.Content, &whole) == nil {
		return said(whole)
	}
	var parts []json.RawMessage
	if json.Unmarshal(m.Content, &parts) != nil {
		return ""
	}
	var out strings.Builder
	for _, raw := range parts {
		var text string
		var part struct{ Type, Text string }
		if json.Unmarshal(raw, &text) != nil && json.Unmarshal(raw, &part) == nil && part.Type == "text" {
			text = part.Text
		}
		if out.WriteString(text); out.Len() > MaxText {
			break
		}
	}
	return said(out.String())
}
