package answer_test

import (
	"testing"

	"github.com/duolog/duolog/internal/fuzztest"
	"github.com/duolog/duolog/projections/queries/answer"
)

// FuzzSaid: the last words of any chat log are found, or there are none.
func FuzzSaid(f *testing.F) {
	f.Add([]byte(`[{"message_type":"user","content":"hi"},{"message_type":"agent","content":[{"type":"text","text":"done"}],"tool_calls":[]},7]`))
	f.Add([]byte(`[{"message_type":"request","content":"may I?","tool_calls":[{"name":"rm"}]}]`))
	f.Fuzz(func(t *testing.T, log []byte) {
		var said answer.Said
		fuzztest.Bounded(t, len(log), func() { said = answer.Parse(log) })
		if len(said.Answer)+len(said.Question) > 2*3*len(log) {
			t.Errorf("%d bytes said %d", len(log), len(said.Answer)+len(said.Question))
		}
	})
}

// FuzzMessages: the last words of any messages are found, or there are none.
func FuzzMessages(f *testing.F) {
	f.Add([]byte(`[{"lc":1,"type":"constructor","id":["a","AIMessage"],"kwargs":{"content":[{"type":"text","text":"x"}],"tool_calls":[{}]}}]`))
	f.Add([]byte(`{"class":"m._DeltaSnapshot","value":[{"class":"m.AIMessage","kwargs":{"content":"x"}},{"role":"assistant","content":["a"]}]}`))
	f.Fuzz(func(t *testing.T, messages []byte) {
		var said answer.Said
		fuzztest.Bounded(t, len(messages), func() { said = answer.ParseMessages(messages) })
		if len(said.Answer)+len(said.Question) > 2*3*len(messages) {
			t.Errorf("%d bytes said %d", len(messages), len(said.Answer)+len(said.Question))
		}
	})
}
