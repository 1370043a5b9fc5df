package workflow

import (
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/routing"
	"github.com/duolog/duolog/domain/value"
)

// State is what Decide must know of a workflow beyond the facts it looks up.
// It is small whatever the age of the workflow, so that a cold stream costs one
// row: histories (checkpoints, writes, ended deliveries) are facts.
type State struct {
	Created   *Created         `json:"created,omitempty"`
	CreatedAt time.Time        `json:"created_at,omitzero"`
	UpdatedAt time.Time        `json:"updated_at,omitzero"`
	Owner     domain.Principal `json:"owner"`
	Status    Status           `json:"status,omitempty"`
	// Epoch numbers the latest run; 0 before the first.
	Epoch int  `json:"epoch"`
	Run   *Run `json:"run,omitempty"`
	// Events counts all events there were.
	Events int `json:"events"`
	// Checkpoints counts checkpointed events.
	Checkpoints int `json:"checkpoints"`
	// Model is what the latest checkpoint named that named one, ChosenModel what a person
	// chose.
	Model       string `json:"model,omitempty"`
	ChosenModel string `json:"chosen_model,omitempty"`
	FlowMeta    string `json:"flow_metadata,omitempty"`
	// FlowConfig is the configuration of a flow that no catalog has; nil for others.
	FlowConfig *value.Value `json:"flow_config,omitempty"`
	// Reason is why the status is what it is, where one was given.
	Reason string `json:"reason,omitempty"`
	// Decided is what a person decided and no run has gone on with yet.
	Decided *Approval `json:"decided,omitempty"`
	// Answered is the run whose answer was asked to be delivered last.
	Answered uuid.UUID `json:"answered,omitzero"`
	// Deliveries are the ones still owed.
	Deliveries []Delivery `json:"deliveries,omitempty"`
	// Mail is the mailbox of the agent, oldest first.
	Mail []Mail `json:"mail,omitempty"`
	// FollowUps are the messages that wait for the end of a run, or for the agent to
	// take them, oldest first.
	FollowUps []FollowUp `json:"follow_ups,omitempty"`
	// Routing is how the flow was chosen, where that was decided.
	Routing *routing.Decision `json:"routing,omitempty"`
	// Placement is the latest decision on an engine, Used what its runs used.
	Placement *EngineChosen `json:"placement,omitempty"`
	Used      *Used         `json:"used,omitempty"`
	// Thread is set for one that was begun or deleted as a thread.
	Thread *Thread `json:"thread,omitempty"`
	// Pruned is the number of the latest event that removed something of what there
	// was. The fold sets it: it comes from the position.
	Pruned int64 `json:"pruned,omitempty"`
	// Origin is set for a fork; Lineage are the workflows whose streams have the
	// bytes that it began with.
	Origin  *Origin     `json:"origin,omitempty"`
	Lineage []uuid.UUID `json:"lineage,omitempty"`
	// Import is set for a workflow that comes from another log.
	Import *Import `json:"import,omitempty"`
}

// Exists says whether the workflow was created.
func (s State) Exists() bool { return s.Created != nil }

// RunPhase says how far a run is.
type RunPhase string

// The phases of a run.
const (
	RunPhaseRequested RunPhase = "requested"
	RunPhaseAttempted RunPhase = "attempted"
	RunPhaseStarted   RunPhase = "started"
	RunPhaseFinished  RunPhase = "finished"
)

// Run is the latest run.
type Run struct {
	ID          uuid.UUID    `json:"id"`
	Epoch       int          `json:"epoch"`
	Engine      string       `json:"engine"`
	Kind        RunKind      `json:"kind"`
	Phase       RunPhase     `json:"phase"`
	RequestedAt time.Time    `json:"requested_at"`
	Input       *value.Value `json:"input,omitempty"`
	Attempt     Attempt      `json:"attempt"`
	Workload    string       `json:"workload,omitempty"`
	// Turns counts how often it went on by itself after its question was asked to be
	// delivered: what follows is another answer.
	Turns int   `json:"turns,omitempty"`
	Stop  *Stop `json:"stop,omitempty"`
	// Approval is the decision that the run goes on with.
	Approval *Approval         `json:"approval,omitempty"`
	Result   *WorkloadFinished `json:"result,omitempty"`
	// Compute is what it used, once it has ended and its engine said so.
	Compute *Compute `json:"compute,omitempty"`
}

// Attempt is the latest attempt of an effect.
type Attempt struct {
	Count int       `json:"count,omitempty"`
	At    time.Time `json:"at,omitzero"`
	// By is the instance of the process that made it.
	By string `json:"by,omitempty"`
	// Open says that its outcome is not known.
	Open bool `json:"open,omitempty"`
}

// Stop is the intent to stop the run's workload.
type Stop struct {
	RequestedAt time.Time `json:"requested_at"`
	Attempt     Attempt   `json:"attempt"`
}

// Delivery is one delivery that is still owed, or, in the read model, how it
// ended.
type Delivery struct {
	ID      uuid.UUID    `json:"id"`
	Run     uuid.UUID    `json:"run"`
	Adapter string       `json:"adapter"`
	Kind    DeliveryKind `json:"kind"`
	Error   string       `json:"error,omitempty"`
	// Hook and Event are set for what a hook is told; Message is then JSON.
	Hook        string      `json:"hook,omitempty"`
	Event       string      `json:"event,omitempty"`
	Message     value.Value `json:"message"`
	RequestedAt time.Time   `json:"requested_at"`
	Attempt     Attempt     `json:"attempt"`
	// Before is how many attempts were made before it was last asked for.
	Before int `json:"before,omitempty"`
	// Answer is what the latest attempt brought, until its outcome is applied.
	Answer *Answer `json:"answer,omitempty"`
	// RetryAt is when the next attempt may be made, where it was said.
	RetryAt time.Time `json:"retry_at,omitzero"`
	// Status is DeliveryOwed, DeliveryMade or DeliveryLost.
	Status    string    `json:"status"`
	Receipt   string    `json:"receipt,omitempty"`
	LastError string    `json:"last_error,omitempty"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
}

// Where a delivery stands.
const (
	DeliveryOwed = "requested"
	DeliveryMade = "delivered"
	DeliveryLost = "given_up"
)

// ActiveRun is the latest run when it has not ended, or nil.
func (s State) ActiveRun() *Run {
	if s.Run == nil || s.Run.Phase == RunPhaseFinished {
		return nil
	}
	return s.Run
}

// Delivery finds an owed delivery.
func (s State) Delivery(id uuid.UUID) (Delivery, bool) {
	for _, d := range s.Deliveries {
		if d.ID == id {
			return d, true
		}
	}
	return Delivery{}, false
}

// Values lists what the state keeps, so that their bytes stay as long as it does.
func (s State) Values() []value.Value {
	var out []value.Value
	if s.Created != nil {
		out = s.Created.Values()
	}
	out = append(out, optional(s.FlowConfig)...)
	if s.Run != nil {
		out = append(out, optional(s.Run.Input)...)
		if s.Run.Result != nil {
			out = append(out, optional(s.Run.Result.Log)...)
		}
	}
	for _, d := range s.Deliveries {
		out = append(out, d.Message)
	}
	for _, m := range s.Mail {
		out = append(out, optional(m.Text)...)
	}
	return out
}
