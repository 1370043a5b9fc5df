package forks

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// conversations are the channels in which agents keep what was said and called, the
// one that tells most first.
func conversations() []string { return []string{"ui_chat_log", "messages", "conversation_history"} }

// entry is one line of a conversation, in the forms that agents keep: a line of
// ui_chat_log, or a message of LangChain.
type entry struct {
	ToolInfo *struct {
		Name string          `json:"name"`
		Args json.RawMessage `json:"args"`
	} `json:"tool_info"`
	ToolCalls []toolCall `json:"tool_calls"`
	// Kwargs and Value are where a message stands that LangChain wrote with its
	// constructor or its class.
	Kwargs *calling `json:"kwargs"`
	Value  *calling `json:"value"`
}

type calling struct {
	ToolCalls []toolCall `json:"tool_calls"`
}

type toolCall struct {
	Name string          `json:"name"`
	Args json.RawMessage `json:"args"`
}

// callsAfter are the tool calls of a conversation that go beyond what an earlier
// form of it has, and whether it could be read.
func callsAfter(before, after []byte) (out []Item, readable bool) {
	was, _ := lines(before)
	is, readable := lines(after)
	n := 0
	for n < len(was) && n < len(is) && bytes.Equal(was[n], is[n]) {
		n++
	}
	for _, raw := range is[n:] {
		var e entry
		if json.Unmarshal(raw, &e) != nil {
			continue
		}
		calls := e.ToolCalls
		if e.ToolInfo != nil {
			calls = append(calls, toolCall{e.ToolInfo.Name, e.ToolInfo.Args})
		}
		for _, c := range []*calling{e.Kwargs, e.Value} {
			if c != nil {
				calls = append(calls, c.ToolCalls...)
			}
		}
		for _, c := range calls {
			out = append(out, Item{Kind: KindToolCall, Effect: !readsOnly(c.Name), Name: c.Name, Arguments: c.Args})
		}
	}
	return out, readable
}

// lines are the elements of a list, or of the lists that an object has by agent, in the
// order of their names.
func lines(raw []byte) (out []json.RawMessage, readable bool) {
	if json.Unmarshal(raw, &out) == nil {
		return out, true
	}
	var byAgent map[string][]json.RawMessage
	if json.Unmarshal(raw, &byAgent) != nil {
		return nil, false
	}
	for _, name := range slices.Sorted(maps.Keys(byAgent)) {
		out = append(out, byAgent[name]...)
	}
	return out, true
}

// readsOnly says whether a tool only looks, as far as its name tells. One whose name
// does not tell counts as an effect: to be wrong that way costs a second look.
func readsOnly(tool string) bool {
	name := strings.ToLower(tool)
	for _, verb := range []string{"read", "get", "list", "find", "search", "grep", "show", "view", "ls", "cat", "describe", "git_log", "git_show", "git_diff", "git_status", "git log", "git show", "git diff", "git status"} {
		if rest, ok := strings.CutPrefix(name, verb); ok && (rest == "" || rest[0] == '_' || rest[0] == '-' || rest[0] == ' ' || rest[0] == '.') {
			return true
		}
	}
	return false
}
