package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChatOfMessages(t *testing.T) {
	got := chatOf([]byte(`[{"lc":1,"type":"constructor","id":["langchain_core","messages","HumanMessage"],"kwargs":{"content":"hi"}},{"class":"langchain_core.messages.human.HumanMessage","kwargs":{"type":"human","content":"what changed?"}},
		{"class":"langchain_core.messages.ai.AIMessage","kwargs":{"type":"ai","content":"","tool_calls":[{"id":"c1","name":"read_file","args":{"path": "a.go"}}]}},
		{"class":"langchain_core.messages.tool.ToolMessage","kwargs":{"type":"tool","content":"package a"}},
		{"type":"ai","id":"a2","content":"Only a comment."}]`))
	want := []chatEntry{{Type: "user"}, {Type: "user"}, {Type: "tool", ID: "c1", Content: `read_file {"path":"a.go"}`}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, other := range []string{``, `null`, `{"type":"msgpack","base64":"wQ=="}`, `[7]`} {
		if got := chatOf([]byte(other)); got != nil {
			t.Errorf("%s is %+v", other, got)
		}
	}
}

func TestDetailsOfThreads(t *testing.T) {
	for _, test := range []struct{ kind, data, want string }{
		{"writes_recorded", `{"thread_ts":"1f0c2a10-0001-6b80-8000-0a1b2c3d4e5f","writes":[{"channel":"messages"},{"channel":"messages"},{"channel":"plan"}]}`, "messages, plan · 1f0c2a10-0001-6b80-8000-0a1b2c3d4e5f"},
		{"writes_recorded", `{"thread_ts":"1f0c2a10-0001-6b80-8000-0a1b2c3d4e5f","writes":[{"channel":"__interrupt__"}]}`, "waits for a person · __interrupt__ · 1f0c2a10-0001-6b80-8000-0a1b2c3d4e5f"},
		{"thread_opened", `{"thread":"support/4711","incarnation":1}`, "support/4711"},
		{"thread_opened", `{"thread":"support/4711","incarnation":2}`, "support/4711 · life 2"},
		{"thread_deleted", `{"incarnation":1,"reason":"expired"}`, "expired"},
	} {
		if got := details(timelineEvent{Type: "workflow." + test.kind, Data: []byte(test.data)}); got != test.want {
			t.Errorf("%s is %q, not %q", test.kind, got, test.want)
		}
	}
}
