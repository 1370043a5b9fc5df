package workflow

import (
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
)

// Event is one thing that happened to a workflow.
//
//sumtype:decl
type Event interface {
	// EventType is the stable name of the type, without its version.
	EventType() string
	// Values lists the values the event carries, so that the commit can name
	// the bytes they stand on.
	Values() []value.Value
	event()
}

// Container is a namespace or a project.
type Container struct {
	ID   int64  `json:"id,omitempty"`
	Path string `json:"path"`
}

// Flow is the version of a flow, resolved once and recorded.
type Flow struct {
	Definition    string `json:"definition"`
	ConfigID      string `json:"config_id,omitempty"`
	SchemaVersion string `json:"schema_version,omitempty"`
	Version       string `json:"version,omitempty"`
}

// Trigger says what asked for the workflow.
type Trigger struct {
	// Source is the entry point: api, message, command.
	Source       string     `json:"source"`
	Adapter      string     `json:"adapter,omitempty"`
	Conversation *uuid.UUID `json:"conversation,omitempty"`
	Place        string     `json:"place,omitempty"`
	MessageID    string     `json:"message_id,omitempty"`
}

// Created is the first event of a workflow. What it pins is never resolved
// again.
type Created struct {
	Goal                    value.Value      `json:"goal"`
	Flow                    Flow             `json:"flow"`
	Engine                  string           `json:"engine"`
	Environment             string           `json:"environment,omitempty"`
	Namespace               *Container       `json:"namespace,omitempty"`
	Project                 *Container       `json:"project,omitempty"`
	Privileges              []int            `json:"agent_privileges"`
	PreApproved             []int            `json:"pre_approved_agent_privileges"`
	AllowAgentToRequestUser bool             `json:"allow_agent_to_request_user"`
	Principal               domain.Principal `json:"principal"`
	Trigger                 Trigger          `json:"trigger"`
	CallbackContext         *value.Value     `json:"callback_context,omitempty"`
	AdditionalContext       *value.Value     `json:"additional_context,omitempty"`
	Title                   string           `json:"title,omitempty"`
	Image                   string           `json:"image,omitempty"`
	SourceBranch            string           `json:"source_branch,omitempty"`
	ClientReference         string           `json:"client_reference,omitempty"`
}

// Path is that of the project that the workflow belongs to, or else its namespace's.
func (e Created) Path() string { return pathOf(e.Project, e.Namespace) }

// FlowConfigured is the configuration that a workflow brings for a flow that no catalog
// has. It stands in the commit of the creation.
type FlowConfigured struct {
	Config value.Value `json:"config"`
}

// ModelChosen records the model that a person chose for the workflow, byte for byte. It
// stands in the commit of the creation and goes before what checkpoints name.
type ModelChosen struct {
	Metadata string `json:"model_metadata_json"`
}

// RunKind says why a run starts.
type RunKind string

// The kinds of run.
const (
	RunStart  RunKind = "start"
	RunResume RunKind = "resume"
	RunRetry  RunKind = "retry"
)

// RunRequested is the intent to run.
type RunRequested struct {
	Run    uuid.UUID `json:"run"`
	Epoch  int       `json:"epoch"`
	Engine string    `json:"engine"`
	Kind   RunKind   `json:"kind"`
	Reason string    `json:"reason,omitempty"`
	// Input is the message a resumed run goes on with.
	Input *value.Value `json:"input,omitempty"`
}

// RunAttempted says that the engine is about to be called. Accepted, it is the
// claim: only who wrote it may call.
type RunAttempted struct {
	Run     uuid.UUID `json:"run"`
	Attempt int       `json:"attempt"`
	By      string    `json:"by"`
}

// RunStarted is the outcome: the engine's handle for the run.
type RunStarted struct {
	Run      uuid.UUID `json:"run"`
	Workload string    `json:"workload"`
}

// ChannelValue is the new value of one channel.
type ChannelValue struct {
	Channel string      `json:"channel"`
	Value   value.Value `json:"value"`
}

// Checkpointed is the agent's state at one step. Channels whose value equals
// the parent's are not in it.
type Checkpointed struct {
	ThreadTS uuid.UUID  `json:"thread_ts"`
	ParentTS *uuid.UUID `json:"parent_ts,omitempty"`
	// Inherits says whether the channels of the parent are carried over; it is
	// false when the parent was not there when this was decided.
	Inherits      bool           `json:"inherits"`
	NS            string         `json:"checkpoint_ns,omitempty"`
	Header        value.Value    `json:"header"`
	Metadata      value.Value    `json:"metadata"`
	Channels      []ChannelValue `json:"channels,omitempty"`
	Removed       []string       `json:"removed,omitempty"`
	CurrentThread int            `json:"current_thread,omitempty"`
	FlowMetadata  string         `json:"flow_metadata,omitempty"`
	Epoch         int            `json:"epoch,omitempty"`
	ParentMissing bool           `json:"parent_missing,omitempty"`
}

// Write is one pending write of a checkpoint.
type Write struct {
	Task     string      `json:"task"`
	Idx      int         `json:"idx"`
	TaskPath string      `json:"task_path,omitempty"`
	Channel  string      `json:"channel"`
	Value    value.Value `json:"value"`
}

// WritesRecorded carries pending writes. They may come before their checkpoint.
type WritesRecorded struct {
	ThreadTS uuid.UUID `json:"thread_ts"`
	NS       string    `json:"checkpoint_ns,omitempty"`
	Writes   []Write   `json:"writes"`
	Epoch    int       `json:"epoch,omitempty"`
}

// ModelSelected records the model a checkpoint named, byte for byte.
type ModelSelected struct {
	Metadata string `json:"model_metadata_json"`
}

// StatusChanged is one transition.
type StatusChanged struct {
	Event  StatusEvent `json:"event"`
	From   Status      `json:"from"`
	To     Status      `json:"to"`
	Reason string      `json:"reason,omitempty"`
}

// StopRequested is the intent to stop a workload.
type StopRequested struct {
	Run    uuid.UUID `json:"run"`
	Reason string    `json:"reason,omitempty"`
}

// StopAttempted says that the engine is about to be asked.
type StopAttempted struct {
	Run     uuid.UUID `json:"run"`
	Attempt int       `json:"attempt"`
	By      string    `json:"by"`
}

// WorkloadStatus says how a workload ended.
type WorkloadStatus string

// The ends of a workload.
const (
	WorkloadSuccess WorkloadStatus = "success"
	WorkloadFailed  WorkloadStatus = "failed"
	WorkloadStopped WorkloadStatus = "stopped"
)

// WorkloadFinished is the end of a run. Stale marks the end of a run that is
// no longer the workflow's own: a fact that changes nothing else.
type WorkloadFinished struct {
	Run        uuid.UUID      `json:"run"`
	Epoch      int            `json:"epoch"`
	WorkloadID string         `json:"workload_id,omitempty"`
	Status     WorkloadStatus `json:"status"`
	Reason     string         `json:"reason,omitempty"`
	ExitCode   *int           `json:"exit_code,omitempty"`
	Log        *value.Value   `json:"log,omitempty"`
	Stale      bool           `json:"stale,omitempty"`
}

// MessageReceived is a later message of the conversation.
type MessageReceived struct {
	Conversation uuid.UUID   `json:"conversation"`
	MessageID    string      `json:"message_id"`
	Author       string      `json:"author"`
	Text         value.Value `json:"text"`
}

// DeliveryKind says what is sent back.
type DeliveryKind string

// The kinds of delivery.
const (
	DeliverResult   DeliveryKind = "result"
	DeliverError    DeliveryKind = "error"
	DeliverQuestion DeliveryKind = "question"
	// DeliverEvent tells a hook of what happened.
	DeliverEvent DeliveryKind = "event"
)

// DeliveryRequested is the intent to send something back to where the message
// came from.
type DeliveryRequested struct {
	Delivery uuid.UUID    `json:"delivery"`
	Run      uuid.UUID    `json:"run"`
	Adapter  string       `json:"adapter"`
	Kind     DeliveryKind `json:"kind"`
	// Error is the stable reason of an error: no_response, flow_failed.
	Error   string      `json:"error,omitempty"`
	Message value.Value `json:"message"`
}

// DeliveryAttempted says that the surface is about to be called.
type DeliveryAttempted struct {
	Delivery uuid.UUID `json:"delivery"`
	Attempt  int       `json:"attempt"`
	By       string    `json:"by"`
}

// Delivered is the surface's receipt.
type Delivered struct {
	Delivery uuid.UUID `json:"delivery"`
	Attempt  int       `json:"attempt"`
	Receipt  string    `json:"receipt"`
}

// DeliveryFailed is an attempt that failed; another follows.
type DeliveryFailed struct {
	Delivery uuid.UUID `json:"delivery"`
	Attempt  int       `json:"attempt"`
	Error    string    `json:"error"`
}

// DeliveryGivenUp is the end of a delivery that cannot be made.
type DeliveryGivenUp struct {
	Delivery uuid.UUID `json:"delivery"`
	Reason   string    `json:"reason"`
	Error    string    `json:"error,omitempty"`
}

// NotificationRequested is the intent to tell a hook of something that happened.
type NotificationRequested struct {
	Delivery uuid.UUID `json:"delivery"`
	// Adapter is the kind of hook: webhook.
	Adapter string `json:"adapter"`
	// Hook is its name in the tenant's configuration.
	Hook string `json:"hook"`
	// Event is what happened, as hooks subscribe to it: flow.completed.
	Event string `json:"event"`
	// Cause is the id of the accepted event that it follows from.
	Cause string `json:"cause"`
	// Data is what is told, a JSON object.
	Data value.Value `json:"data"`
}

// DeliveryAnswered is what came back from an attempt; how the attempt ended
// follows in the same commit.
type DeliveryAnswered struct {
	Delivery uuid.UUID `json:"delivery"`
	Attempt  int       `json:"attempt"`
	Answer
	// RetryAt is when another attempt may be made, where the destination or its
	// schedule says so.
	RetryAt time.Time `json:"retry_at,omitzero"`
}

// Answer is what a destination said.
type Answer struct {
	// Target names what was called, without its secrets.
	Target string `json:"target"`
	// Status is that of HTTP; 0 when there was no answer.
	Status int `json:"status,omitempty"`
	// Body is the beginning of what it said.
	Body string `json:"body,omitempty"`
}

// RedeliveryRequested is the intent to send again what was sent or given up.
type RedeliveryRequested struct {
	// Delivery is that of before, or a new one that says the same as Of.
	Delivery uuid.UUID    `json:"delivery"`
	Of       *uuid.UUID   `json:"of,omitempty"`
	Run      *uuid.UUID   `json:"run,omitempty"`
	Adapter  string       `json:"adapter"`
	Kind     DeliveryKind `json:"kind"`
	Error    string       `json:"error,omitempty"`
	Hook     string       `json:"hook,omitempty"`
	Event    string       `json:"event,omitempty"`
	Message  value.Value  `json:"message"`
	// Attempts is how many were made before: their numbers go on.
	Attempts int `json:"attempts,omitempty"`
}

// MailQueued says that a person left something for the agent.
type MailQueued struct {
	Mail        uuid.UUID    `json:"mail"`
	Kind        MailKind     `json:"kind"`
	Text        *value.Value `json:"text,omitempty"`
	Correlation *uuid.UUID   `json:"correlation_id,omitempty"`
}

// MailMarked says that the agent has taken it, or that it was put back.
type MailMarked struct {
	Mail   uuid.UUID  `json:"mail"`
	Status MailStatus `json:"status"`
}

// Recorded is an event with what its commit says of it.
type Recorded struct {
	Event     Event
	Time      time.Time
	Principal domain.Principal
}
