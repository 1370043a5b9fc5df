package forks

import (
	"fmt"
	"testing"
)

func TestToolCalls(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ before, after, want string }{
		{``, `[{"tool_calls":[{"name":"get_file","args":{"a":1}},{"name":"send_mail","args":{}}]}]`, "get_file false, send_mail true"},
		{`[{"n":1}]`, `[{"n":1},{"kwargs":{"tool_calls":[{"name":"run_command"}]}}]`, "run_command true"},
		{`[{"n":1}]`, `[{"n":2},{"class":"AIMessage","value":{"tool_calls":[{"name":"listen"}]}}]`, "listen true"},
		{`{"a":[{"n":1}]}`, `{"a":[{"n":1},{"tool_info":{"name":"git_log"}}],"b":[{"tool_info":{"name":"git_push"}}]}`, "git_log false, git_push true"},
		{``, `[1,"x",null,{"tool_calls":7}]`, ""},
	} {
		calls, readable := callsAfter([]byte(c.before), []byte(c.after))
		got := ""
		for i, call := range calls {
			if i > 0 {
				got += ", "
			}
			got += fmt.Sprint(call.Name, " ", call.Effect)
		}
		if got != c.want || !readable {
			t.Errorf("%s: %q", c.after, got)
		}
	}
	for _, opaque := range []string{`{"type":"msgpack+aes","base64":"AQ=="}`, `7`, ``} {
		if _, readable := callsAfter(nil, []byte(opaque)); readable {
			t.Errorf("%s is readable", opaque)
		}
	}
}
