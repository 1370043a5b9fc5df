package workflow

import (
	stdjson "encoding/json"

	"github.com/go-json-experiment/json"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
)

// EventRow is the registry entry of one event version of a workflow.
type EventRow = journal.EventRow[Event]

// CommandRow is the registry entry of one command version of a workflow.
type CommandRow = journal.CommandRow[Command]

// Decoder reads the events of a workflow.
type Decoder = journal.Decoder[Event]

// NewDecoder reads every event of the registry.
func NewDecoder() Decoder { return journal.NewDecoder(Events()) }

// Events is the registry: every event type of the stream, once.
func Events() []EventRow {
	return []EventRow{
		{Type: "workflow.created", V: 1, Decode: decode[Created]},
		{Type: "workflow.flow_configured", V: 1, Decode: decode[FlowConfigured]},
		{Type: "workflow.model_chosen", V: 1, Decode: decode[ModelChosen]},
		{Type: "workflow.run_requested", V: 1, Decode: decode[RunRequested]},
		{Type: "workflow.run_attempted", V: 1, Decode: decode[RunAttempted]},
		{Type: "workflow.run_started", V: 1, Decode: decode[RunStarted]},
		{Type: "workflow.checkpointed", V: 1, Decode: decodeCheckpointed},
		{Type: "workflow.writes_recorded", V: 1, Decode: decode[WritesRecorded]},
		{Type: "workflow.model_selected", V: 1, Decode: decode[ModelSelected]},
		{Type: "workflow.status_changed", V: 1, Decode: decode[StatusChanged]},
		{Type: "workflow.stop_requested", V: 1, Decode: decode[StopRequested]},
		{Type: "workflow.stop_attempted", V: 1, Decode: decode[StopAttempted]},
		{Type: "workflow.workload_finished", V: 1, Decode: decode[WorkloadFinished]},
		{Type: "workflow.message_received", V: 1, Decode: decode[MessageReceived]},
		{Type: "workflow.delivery_requested", V: 1, Decode: decode[DeliveryRequested]},
		{Type: "workflow.delivery_attempted", V: 1, Decode: decode[DeliveryAttempted]},
		{Type: "workflow.delivered", V: 1, Decode: decode[Delivered]},
		{Type: "workflow.delivery_failed", V: 1, Decode: decode[DeliveryFailed]},
		{Type: "workflow.delivery_given_up", V: 1, Decode: decode[DeliveryGivenUp]},
		{Type: "workflow.notification_requested", V: 1, Decode: decode[NotificationRequested]},
		{Type: "workflow.delivery_answered", V: 1, Decode: decode[DeliveryAnswered]},
		{Type: "workflow.redelivery_requested", V: 1, Decode: decode[RedeliveryRequested]},
		{Type: "workflow.mail_queued", V: 1, Decode: decode[MailQueued]},
		{Type: "workflow.mail_marked", V: 1, Decode: decode[MailMarked]},
		{Type: "workflow.triggered", V: 1, Decode: decode[Triggered]},
		{Type: "workflow.followed_up", V: 1, Decode: decode[FollowedUp]},
		{Type: "workflow.follow_ups_settled", V: 1, Decode: decode[FollowUpsSettled]},
		{Type: "workflow.thread_opened", V: 1, Decode: decode[ThreadOpened]},
		{Type: "workflow.thread_deleted", V: 1, Decode: decode[ThreadDeleted]},
		{Type: "workflow.thread_taken", V: 1, Decode: decode[ThreadTaken]},
		{Type: "workflow.thread_pruned", V: 1, Decode: decode[ThreadPruned]},
		{Type: "workflow.retention_set", V: 1, Decode: decode[RetentionSet]},
		{Type: "workflow.pinned", V: 1, Decode: decode[Pinned]},
		{Type: "workflow.forked", V: 1, Decode: decode[Forked]},
		{Type: "workflow.branched", V: 1, Decode: decode[Branched]},
		{Type: "workflow.approval_decided", V: 1, Decode: decode[ApprovalDecided]},
		{Type: "workflow.question_saved", V: 1, Decode: decode[QuestionSaved]},
		{Type: "workflow.import_begun", V: 1, Decode: decode[ImportBegun]},
		{Type: "workflow.imported", V: 1, Decode: decode[Imported]},
		{Type: "workflow.import_ended", V: 1, Decode: decode[ImportEnded]},
		{Type: journal.JoinedType, V: 1, Decode: decode[CommandsJoined]},
		{Type: "workflow.engine_chosen", V: 1, Decode: decode[EngineChosen]},
		{Type: "workflow.compute_used", V: 1, Decode: decode[ComputeUsed]},
		{Type: "workflow.access_decided", V: 1, Decode: decode[AccessDecided]},
		{Type: "workflow.tool_decided", V: 1, Decode: decode[ToolDecided]},
	}
}

func decode[E Event](data stdjson.RawMessage) (Event, error) {
	var e E
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, err
	}
	return e, nil
}

// Commands is the registry: every command type of the stream, once.
func Commands() []CommandRow {
	return []CommandRow{
		{Type: "workflow.start", V: 1, New: func() Command { return &Start{} }},
		{Type: "workflow.request_run", V: 1, New: func() Command { return &RequestRun{} }},
		{Type: "workflow.attempt_run", V: 1, New: func() Command { return &AttemptRun{} }},
		{Type: "workflow.confirm_run", V: 1, New: func() Command { return &ConfirmRun{} }},
		{Type: "workflow.finish_workload", V: 1, New: func() Command { return &FinishWorkload{} }},
		{Type: "workflow.save_checkpoint", V: 1, New: func() Command { return &SaveCheckpoint{} }},
		{Type: "workflow.record_writes", V: 1, New: func() Command { return &RecordWrites{} }},
		{Type: "workflow.update_status", V: 1, New: func() Command { return &UpdateStatus{} }},
		{Type: "workflow.attempt_stop", V: 1, New: func() Command { return &AttemptStop{} }},
		{Type: "workflow.receive_message", V: 1, New: func() Command { return &ReceiveMessage{} }},
		{Type: "workflow.request_delivery", V: 1, New: func() Command { return &RequestDelivery{} }},
		{Type: "workflow.attempt_delivery", V: 1, New: func() Command { return &AttemptDelivery{} }},
		{Type: "workflow.settle_delivery", V: 1, New: func() Command { return &SettleDelivery{} }},
		{Type: "workflow.notify", V: 1, New: func() Command { return &Notify{} }},
		{Type: "workflow.redeliver", V: 1, New: func() Command { return &Redeliver{} }},
		{Type: "workflow.queue_mail", V: 1, New: func() Command { return &QueueMail{} }},
		{Type: "workflow.mark_mail", V: 1, New: func() Command { return &MarkMail{} }},
		{Type: "workflow.settle_follow_ups", V: 1, New: func() Command { return &SettleFollowUps{} }},
		{Type: "workflow.put_checkpoint", V: 1, New: func() Command { return &PutCheckpoint{} }},
		{Type: "workflow.put_writes", V: 1, New: func() Command { return &PutWrites{} }},
		{Type: "workflow.delete_thread", V: 1, New: func() Command { return &DeleteThread{} }},
		{Type: "workflow.prune_thread", V: 1, New: func() Command { return &PruneThread{} }},
		{Type: "workflow.delete_runs", V: 1, New: func() Command { return &DeleteRuns{} }},
		{Type: "workflow.set_retention", V: 1, New: func() Command { return &SetRetention{} }},
		{Type: "workflow.expire_thread", V: 1, New: func() Command { return &ExpireThread{} }},
		{Type: "workflow.pin_checkpoint", V: 1, New: func() Command { return &PinCheckpoint{} }},
		{Type: "workflow.fork", V: 1, New: func() Command { return &Fork{} }},
		{Type: "workflow.branch", V: 1, New: func() Command { return &Branch{} }},
		{Type: "workflow.decide", V: 1, New: func() Command { return &Decide{} }},
		{Type: "workflow.import_commit", V: 1, New: func() Command { return &ImportCommit{} }},
		{Type: "workflow.end_import", V: 1, New: func() Command { return &EndImport{} }},
		{Type: "workflow.deny_access", V: 1, New: func() Command { return &DenyAccess{} }},
		{Type: "workflow.decide_tool", V: 1, New: func() Command { return &DecideTool{} }},
	}
}

// EventType names the type of the event in the log.
func (Created) EventType() string               { return "workflow.created" }
func (FlowConfigured) EventType() string        { return "workflow.flow_configured" }
func (ModelChosen) EventType() string           { return "workflow.model_chosen" }
func (RunRequested) EventType() string          { return "workflow.run_requested" }
func (RunAttempted) EventType() string          { return "workflow.run_attempted" }
func (RunStarted) EventType() string            { return "workflow.run_started" }
func (Checkpointed) EventType() string          { return "workflow.checkpointed" }
func (WritesRecorded) EventType() string        { return "workflow.writes_recorded" }
func (ModelSelected) EventType() string         { return "workflow.model_selected" }
func (StatusChanged) EventType() string         { return "workflow.status_changed" }
func (StopRequested) EventType() string         { return "workflow.stop_requested" }
func (StopAttempted) EventType() string         { return "workflow.stop_attempted" }
func (WorkloadFinished) EventType() string      { return "workflow.workload_finished" }
func (MessageReceived) EventType() string       { return "workflow.message_received" }
func (DeliveryRequested) EventType() string     { return "workflow.delivery_requested" }
func (DeliveryAttempted) EventType() string     { return "workflow.delivery_attempted" }
func (Delivered) EventType() string             { return "workflow.delivered" }
func (DeliveryFailed) EventType() string        { return "workflow.delivery_failed" }
func (DeliveryGivenUp) EventType() string       { return "workflow.delivery_given_up" }
func (NotificationRequested) EventType() string { return "workflow.notification_requested" }
func (DeliveryAnswered) EventType() string      { return "workflow.delivery_answered" }
func (RedeliveryRequested) EventType() string   { return "workflow.redelivery_requested" }
func (MailQueued) EventType() string            { return "workflow.mail_queued" }
func (MailMarked) EventType() string            { return "workflow.mail_marked" }
func (Triggered) EventType() string             { return "workflow.triggered" }
func (FollowedUp) EventType() string            { return "workflow.followed_up" }
func (FollowUpsSettled) EventType() string      { return "workflow.follow_ups_settled" }
func (ThreadOpened) EventType() string          { return "workflow.thread_opened" }
func (ThreadDeleted) EventType() string         { return "workflow.thread_deleted" }
func (ThreadTaken) EventType() string           { return "workflow.thread_taken" }
func (ThreadPruned) EventType() string          { return "workflow.thread_pruned" }
func (RetentionSet) EventType() string          { return "workflow.retention_set" }
func (Pinned) EventType() string                { return "workflow.pinned" }
func (Forked) EventType() string                { return "workflow.forked" }
func (Branched) EventType() string              { return "workflow.branched" }
func (ImportBegun) EventType() string           { return "workflow.import_begun" }
func (Imported) EventType() string              { return "workflow.imported" }
func (ImportEnded) EventType() string           { return "workflow.import_ended" }
func (CommandsJoined) EventType() string        { return journal.JoinedType }
func (EngineChosen) EventType() string          { return "workflow.engine_chosen" }
func (ComputeUsed) EventType() string           { return "workflow.compute_used" }
func (AccessDecided) EventType() string         { return "workflow.access_decided" }

// Values lists what the event carries.
func (e Created) Values() []value.Value {
	return append(optional(e.CallbackContext, e.AdditionalContext), e.Goal)
}
func (e FlowConfigured) Values() []value.Value { return []value.Value{e.Config} }
func (ModelChosen) Values() []value.Value      { return nil }
func (e RunRequested) Values() []value.Value   { return optional(e.Input) }
func (RunAttempted) Values() []value.Value     { return nil }
func (RunStarted) Values() []value.Value       { return nil }
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
func (ModelSelected) Values() []value.Value           { return nil }
func (StatusChanged) Values() []value.Value           { return nil }
func (StopRequested) Values() []value.Value           { return nil }
func (StopAttempted) Values() []value.Value           { return nil }
func (e WorkloadFinished) Values() []value.Value      { return optional(e.Log) }
func (e MessageReceived) Values() []value.Value       { return []value.Value{e.Text} }
func (e DeliveryRequested) Values() []value.Value     { return []value.Value{e.Message} }
func (DeliveryAttempted) Values() []value.Value       { return nil }
func (Delivered) Values() []value.Value               { return nil }
func (DeliveryFailed) Values() []value.Value          { return nil }
func (DeliveryGivenUp) Values() []value.Value         { return nil }
func (e NotificationRequested) Values() []value.Value { return []value.Value{e.Data} }
func (DeliveryAnswered) Values() []value.Value        { return nil }
func (e RedeliveryRequested) Values() []value.Value   { return []value.Value{e.Message} }
func (e MailQueued) Values() []value.Value            { return optional(e.Text) }
func (MailMarked) Values() []value.Value              { return nil }
func (Triggered) Values() []value.Value               { return nil }
func (FollowedUp) Values() []value.Value              { return nil }
func (FollowUpsSettled) Values() []value.Value        { return nil }
func (ThreadOpened) Values() []value.Value            { return nil }
func (ThreadDeleted) Values() []value.Value           { return nil }
func (ThreadTaken) Values() []value.Value             { return nil }
func (e ThreadPruned) Values() []value.Value          { return optional(e.Kept, e.Removed) }
func (RetentionSet) Values() []value.Value            { return nil }
func (Pinned) Values() []value.Value                  { return nil }
func (Branched) Values() []value.Value                { return nil }
func (ImportBegun) Values() []value.Value             { return nil }
func (Imported) Values() []value.Value                { return nil }
func (ImportEnded) Values() []value.Value             { return nil }
func (CommandsJoined) Values() []value.Value          { return nil }
func (EngineChosen) Values() []value.Value            { return nil }
func (ComputeUsed) Values() []value.Value             { return nil }
func (AccessDecided) Values() []value.Value           { return nil }

// Values are none: the bytes of what a fork begins with stand in other streams.
func (Forked) Values() []value.Value { return nil }

func optional(values ...*value.Value) []value.Value {
	var out []value.Value
	for _, v := range values {
		if v != nil {
			out = append(out, *v)
		}
	}
	return out
}

func (Created) event()               {}
func (FlowConfigured) event()        {}
func (ModelChosen) event()           {}
func (RunRequested) event()          {}
func (RunAttempted) event()          {}
func (RunStarted) event()            {}
func (Checkpointed) event()          {}
func (WritesRecorded) event()        {}
func (ModelSelected) event()         {}
func (StatusChanged) event()         {}
func (StopRequested) event()         {}
func (StopAttempted) event()         {}
func (WorkloadFinished) event()      {}
func (MessageReceived) event()       {}
func (DeliveryRequested) event()     {}
func (DeliveryAttempted) event()     {}
func (Delivered) event()             {}
func (DeliveryFailed) event()        {}
func (DeliveryGivenUp) event()       {}
func (NotificationRequested) event() {}
func (DeliveryAnswered) event()      {}
func (RedeliveryRequested) event()   {}
func (MailQueued) event()            {}
func (MailMarked) event()            {}
func (Triggered) event()             {}
func (FollowedUp) event()            {}
func (FollowUpsSettled) event()      {}
func (ThreadOpened) event()          {}
func (ThreadDeleted) event()         {}
func (ThreadTaken) event()           {}
func (ThreadPruned) event()          {}
func (RetentionSet) event()          {}
func (Pinned) event()                {}
func (Forked) event()                {}
func (Branched) event()              {}
func (ImportBegun) event()           {}
func (Imported) event()              {}
func (ImportEnded) event()           {}
func (CommandsJoined) event()        {}
func (EngineChosen) event()          {}
func (ComputeUsed) event()           {}
func (AccessDecided) event()         {}
