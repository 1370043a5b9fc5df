package schemas_test

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/trigger"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// Whatever Go value of a type is encoded, its schema takes it, and it decodes
// to what encodes the same.
func TestEncodingsAreValid(t *testing.T) {
	t.Parallel()
	for _, r := range rows() {
		schema := compile(t, r.url())
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				sample := r.sample()
				fill(t, reflect.ValueOf(sample).Elem(), "")
				raw := encode(t, r.name, sample)
				if err := schema.Validate(parse(t, raw)); err != nil {
					t.Fatalf("%s: %v", raw, err)
				}
				decoded, err := r.decode(raw)
				if err != nil {
					t.Fatalf("%s: %v", raw, err)
				}
				if again := encode(t, r.name, decoded); !bytes.Equal(raw, again) {
					t.Fatalf("%s\nbecame %s", raw, again)
				}
			})
		})
	}
}

func enums() map[reflect.Type][]string {
	out := map[reflect.Type][]string{
		reflect.TypeFor[workflow.RunKind]():        {"start", "resume", "retry"},
		reflect.TypeFor[workflow.WorkloadStatus](): {"success", "failed", "stopped"},
		reflect.TypeFor[workflow.DeliveryKind]():   {"result", "error", "question"},
		reflect.TypeFor[workflow.MailStatus]():     {"queued", "delivered"},
		reflect.TypeFor[conversation.Mode]():       {"start", "continue"},
		reflect.TypeFor[access.Rule]():             {"human", "service_account", "flow", "namespace", "scope"},
		reflect.TypeFor[workflow.PruneStrategy]():  {"keep_latest", "delete"},
		reflect.TypeFor[workflow.FollowUpPolicy](): {"inject", "queue", "refuse"},
		reflect.TypeFor[workflow.FollowUpHow]():    {"injected", "queued", "resumed", "moved", "denied"},
		reflect.TypeFor[trigger.Step]():            {"namespace", "flow", "project", "service_account", "membership", "execute"},
		reflect.TypeFor[trigger.Outcome]():         {"found", "made", "refused"},
		reflect.TypeFor[workflow.StatusEvent](): {
			"start", "pause", "require_input", "require_plan_approval", "require_tool_call_approval",
			"resume", "retry", "finish", "drop", "stop",
		},
	}
	for _, a := range access.Actions() {
		if a == access.UseTool {
			continue // what was decided about tools has a type of its own
		}
		t := reflect.TypeFor[access.Action]()
		out[t] = append(out[t], string(a))
	}
	for _, k := range workflow.MailKinds() {
		t := reflect.TypeFor[workflow.MailKind]()
		out[t] = append(out[t], string(k))
	}
	for _, s := range workflow.Statuses() {
		t := reflect.TypeFor[workflow.Status]()
		out[t] = append(out[t], string(s))
	}
	return out
}

// fill draws v, whose JSON name is name.
func fill(t *rapid.T, v reflect.Value, name string) {
	switch p := v.Addr().Interface().(type) {
	case *uuid.UUID:
		copy(p[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, name))
		return
	case *value.Value:
		*p = drawValue(t, name)
		return
	case *[]byte:
		*p = rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, name)
		return
	case *journal.Hash:
		*p = journal.HashOf(rapid.SliceOf(rapid.Byte()).Draw(t, name))
		return
	case *json.RawMessage:
		*p = json.RawMessage(rapid.SampledFrom([]string{`{}`, `{"a":[1,"é"]}`}).Draw(t, name))
		return
	}
	switch v.Kind() {
	case reflect.String:
		fillString(t, v, name)
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, name))
	case reflect.Int, reflect.Int64:
		low, high := bounds(name)
		v.SetInt(rapid.Int64Range(low, high).Draw(t, name))
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "has "+name) {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), name)
		}
	case reflect.Slice:
		n := rapid.IntRange(1, 3).Draw(t, "length of "+name)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, v.Index(i), name)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag != "-" {
					fill(t, v.Field(i), tag)
				}
			}
		}
	default:
		t.Fatalf("%s: no way to draw a %s", name, v.Type())
	}
}

func fillString(t *rapid.T, v reflect.Value, name string) {
	if of := enums()[v.Type()]; of != nil {
		v.SetString(rapid.SampledFrom(of).Draw(t, name))
		return
	}
	text := rapid.StringOfN(rapid.RuneFrom([]rune("aé<&>\"\\\n\u2028\U0001f600 ")), 1, 40, 64)
	v.SetString(text.Draw(t, name))
}

func bounds(name string) (low, high int64) {
	switch name {
	case "agent_privileges", "pre_approved_agent_privileges":
		return 1, 8
	case "attempt", "epoch", "incarnation", "v":
		return 1, math.MaxInt32
	case "level":
		return 10, 50
	case "current_thread", "queued_ms", "wall_ms", "cpu_ms", "memory_bytes":
		return 0, math.MaxInt32
	default:
		return math.MinInt32, math.MaxInt32
	}
}

func drawValue(t *rapid.T, name string) value.Value {
	typ := rapid.SampledFrom([]string{"json", "text", "msgpack", "other"}).Draw(t, name+" type")
	raw := rapid.SliceOfN(rapid.Byte(), 0, 1200).Draw(t, name)
	if rapid.Bool().Draw(t, name+" list") {
		raw = []byte("[" + strings.Repeat(`"0123456789012345678901234567890123456789012345678901234567890123456789",`, 200) + "1]")
	}
	m, _ := value.Build(typ, raw)
	switch rapid.IntRange(0, 2).Draw(t, name+" form") {
	case 0:
		v, _ := value.Spill(m)
		return v
	case 1:
		older, _ := value.Build(typ, raw[:len(raw)/2])
		return value.Diff(m, &older)
	}
	return value.Diff(m, nil)
}
