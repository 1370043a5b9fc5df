package main

import (
	"bytes"
	"encoding/json"
)

// agentMessage is one message of a LangGraph agent, as view=json shows it.
type agentMessage struct {
	Type  string `json:"type"`
	Calls []struct {
		ID   string          `json:"id"`
		Name string          `json:"name"`
		Args json.RawMessage `json:"args"`
	} `json:"tool_calls"`
}

// maxArgs bounds what is shown of the arguments of a call.
const maxArgs = 80

// chatOf is what people follow of an agent's messages: where they spoke, and the
// tools that were called since.
func chatOf(messages []byte) []chatEntry {
	var list []struct {
		agentMessage

		// ID is the class of a message that JavaScript wrote.
		ID     json.RawMessage `json:"id"`
		Kwargs *agentMessage   `json:"kwargs"`
	}
	if json.Unmarshal(messages, &list) != nil {
		return nil
	}
	var out []chatEntry
	for _, m := range list {
		if m.Kwargs != nil {
			m.agentMessage = *m.Kwargs
		}
		if m.Type == "human" || bytes.Contains(m.ID, []byte(`"HumanMessage"`)) {
			out = append(out, chatEntry{Type: "user"})
		}
		for _, call := range m.Calls {
			var args bytes.Buffer
			if json.Compact(&args, call.Args) != nil {
				args.Reset()
			}
			out = append(out, chatEntry{Type: "tool", ID: call.ID, Content: call.Name + " " + clipText(args.String(), maxArgs)})
		}
	}
	return out
}
