package workflow

import (
	"encoding/json"
	"fmt"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
)

// EventRow is the registry entry of one event version.
type EventRow struct {
	Type string
	V    int
	// Decode reads the data of that version.
	Decode func(json.RawMessage) (Event, error)
}

// Events is the registry: every event type of the stream, once.
func Events() []EventRow {
	return []EventRow{
		{"workflow.created", 1, decode[Created]},
		{"workflow.run_requested", 1, decode[RunRequested]},
		{"workflow.run_attempted", 1, decode[RunAttempted]},
		{"workflow.run_started", 1, decode[RunStarted]},
		{"workflow.checkpointed", 1, decode[Checkpointed]},
		{"workflow.writes_recorded", 1, decode[WritesRecorded]},
		{"workflow.model_selected", 1, decode[ModelSelected]},
		{"workflow.status_changed", 1, decode[StatusChanged]},
		{"workflow.stop_requested", 1, decode[StopRequested]},
		{"workflow.stop_attempted", 1, decode[StopAttempted]},
		{"workflow.workload_finished", 1, decode[WorkloadFinished]},
		{"workflow.message_received", 1, decode[MessageReceived]},
		{"workflow.delivery_requested", 1, decode[DeliveryRequested]},
		{"workflow.delivery_attempted", 1, decode[DeliveryAttempted]},
		{"workflow.delivered", 1, decode[Delivered]},
		{"workflow.delivery_failed", 1, decode[DeliveryFailed]},
		{"workflow.delivery_given_up", 1, decode[DeliveryGivenUp]},
	}
}

func decode[E Event](data json.RawMessage) (Event, error) {
	var e E
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, err
	}
	return e, nil
}

// Decoder reads events by type and version.
type Decoder map[string]EventRow

// NewDecoder indexes the registry.
func NewDecoder() Decoder {
	d := Decoder{}
	for _, row := range Events() {
		d[journal.TypeName(row.Type, row.V)] = row
	}
	return d
}

// Decode reads one event. An event of a newer build is an error: the caller
// stops the stream and says so, it never skips.
func (d Decoder) Decode(e journal.Event) (Event, error) {
	row, ok := d[journal.TypeName(e.Type, e.V)]
	if !ok {
		return nil, fmt.Errorf("event %s is unknown to this build", journal.TypeName(e.Type, e.V))
	}
	out, err := row.Decode(e.Data)
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", journal.TypeName(e.Type, e.V), err)
	}
	return out, nil
}

// CommandRow is the registry entry of one command version.
type CommandRow struct {
	Type string
	V    int
	New  func() Command
}

// Commands is the registry: every command type of the stream, once.
func Commands() []CommandRow {
	return []CommandRow{
		{"workflow.start", 1, func() Command { return &Start{} }},
		{"workflow.request_run", 1, func() Command { return &RequestRun{} }},
		{"workflow.attempt_run", 1, func() Command { return &AttemptRun{} }},
		{"workflow.confirm_run", 1, func() Command { return &ConfirmRun{} }},
		{"workflow.finish_workload", 1, func() Command { return &FinishWorkload{} }},
		{"workflow.save_checkpoint", 1, func() Command { return &SaveCheckpoint{} }},
		{"workflow.record_writes", 1, func() Command { return &RecordWrites{} }},
		{"workflow.update_status", 1, func() Command { return &UpdateStatus{} }},
		{"workflow.attempt_stop", 1, func() Command { return &AttemptStop{} }},
		{"workflow.receive_message", 1, func() Command { return &ReceiveMessage{} }},
		{"workflow.request_delivery", 1, func() Command { return &RequestDelivery{} }},
		{"workflow.attempt_delivery", 1, func() Command { return &AttemptDelivery{} }},
		{"workflow.settle_delivery", 1, func() Command { return &SettleDelivery{} }},
	}
}

// EventType names the type of the event in the log.
func (Created) EventType() string           { return "workflow.created" }
func (RunRequested) EventType() string      { return "workflow.run_requested" }
func (RunAttempted) EventType() string      { return "workflow.run_attempted" }
func (RunStarted) EventType() string        { return "workflow.run_started" }
func (Checkpointed) EventType() string      { return "workflow.checkpointed" }
func (WritesRecorded) EventType() string    { return "workflow.writes_recorded" }
func (ModelSelected) EventType() string     { return "workflow.model_selected" }
func (StatusChanged) EventType() string     { return "workflow.status_changed" }
func (StopRequested) EventType() string     { return "workflow.stop_requested" }
func (StopAttempted) EventType() string     { return "workflow.stop_attempted" }
func (WorkloadFinished) EventType() string  { return "workflow.workload_finished" }
func (MessageReceived) EventType() string   { return "workflow.message_received" }
func (DeliveryRequested) EventType() string { return "workflow.delivery_requested" }
func (DeliveryAttempted) EventType() string { return "workflow.delivery_attempted" }
func (Delivered) EventType() string         { return "workflow.delivered" }
func (DeliveryFailed) EventType() string    { return "workflow.delivery_failed" }
func (DeliveryGivenUp) EventType() string   { return "workflow.delivery_given_up" }

// Values lists what the event carries.
func (e Created) Values() []value.Value {
	return append(optional(e.CallbackContext, e.AdditionalContext), e.Goal)
}
func (e RunRequested) Values() []value.Value { return optional(e.Input) }
func (RunAttempted) Values() []value.Value   { return nil }
func (RunStarted) Values() []value.Value     { return nil }
func (e Checkpointed) Values() []value.Value {
	out := []value.Value{e.Header, e.Metadata}
	for _, c := range e.Channels {
		out = append(out, c.Value)
	}
	return out
}

func (e WritesRecorded) Values() []value.Value {
	var out []value.Value
	for _, w := range e.Writes {
		out = append(out, w.Value)
	}
	return out
}
func (ModelSelected) Values() []value.Value       { return nil }
func (StatusChanged) Values() []value.Value       { return nil }
func (StopRequested) Values() []value.Value       { return nil }
func (StopAttempted) Values() []value.Value       { return nil }
func (e WorkloadFinished) Values() []value.Value  { return optional(e.Log) }
func (e MessageReceived) Values() []value.Value   { return []value.Value{e.Text} }
func (e DeliveryRequested) Values() []value.Value { return []value.Value{e.Message} }
func (DeliveryAttempted) Values() []value.Value   { return nil }
func (Delivered) Values() []value.Value           { return nil }
func (DeliveryFailed) Values() []value.Value      { return nil }
func (DeliveryGivenUp) Values() []value.Value     { return nil }

func optional(values ...*value.Value) []value.Value {
	var out []value.Value
	for _, v := range values {
		if v != nil {
			out = append(out, *v)
		}
	}
	return out
}

func (Created) event()           {}
func (RunRequested) event()      {}
func (RunAttempted) event()      {}
func (RunStarted) event()        {}
func (Checkpointed) event()      {}
func (WritesRecorded) event()    {}
func (ModelSelected) event()     {}
func (StatusChanged) event()     {}
func (StopRequested) event()     {}
func (StopAttempted) event()     {}
func (WorkloadFinished) event()  {}
func (MessageReceived) event()   {}
func (DeliveryRequested) event() {}
func (DeliveryAttempted) event() {}
func (Delivered) event()         {}
func (DeliveryFailed) event()    {}
func (DeliveryGivenUp) event()   {}
