package workflow

import (
	"fmt"
	"slices"
	"time"
)

// Apply is the state after one event. It copies what it changes: a live state
// and a replayed one never share memory.
func Apply(s State, r Recorded) (State, error) {
	s.UpdatedAt = r.Time
	s.Events++
	if _, creates := r.Event.(Created); creates == s.Exists() {
		return s, fmt.Errorf("%s: the workflow exists: %t", r.Event.EventType(), s.Exists())
	}
	switch e := r.Event.(type) {
	case Created:
		e.Privileges, e.PreApproved = slices.Clone(e.Privileges), slices.Clone(e.PreApproved)
		e.Namespace, e.Project, e.Trigger.Conversation = clone(e.Namespace), clone(e.Project), clone(e.Trigger.Conversation)
		e.CallbackContext, e.AdditionalContext = clone(e.CallbackContext), clone(e.AdditionalContext)
		e.Principal.Run = clone(e.Principal.Run)
		s.Created, s.CreatedAt, s.Owner, s.Status = &e, r.Time, e.Principal, StatusCreated
	case RunRequested, RunAttempted, RunStarted, WorkloadFinished, StopRequested, StopAttempted:
		return applyRun(s, r)
	case DeliveryRequested, DeliveryAttempted, Delivered, DeliveryFailed, DeliveryGivenUp,
		NotificationRequested, DeliveryAnswered, RedeliveryRequested:
		return applyDelivery(s, r)
	case MailQueued, MailMarked:
		return applyMail(s, r)
	case FollowedUp, FollowUpsSettled:
		return applyFollowUp(s, r), nil
	case Triggered:
		s.Routing = clone(e.Routing)
	case ThreadOpened, ThreadDeleted, ThreadTaken, ThreadPruned, RetentionSet:
		return applyThread(s, r), nil
	case Pinned, Forked, Branched:
		return applyOrigin(s, r.Event), nil
	case ImportBegun, Imported, ImportEnded:
		return applyImport(s, r)
	case Checkpointed:
		s.Checkpoints++
		if s.FlowMeta == "" {
			s.FlowMeta = e.FlowMetadata
		}
		return s.written(), nil
	case WritesRecorded: // rows of their own
		return s.written(), nil
	case FlowConfigured:
		s.FlowConfig = &e.Config
	case ModelChosen:
		s.ChosenModel = e.Metadata
	case ModelSelected:
		s.Model = e.Metadata
	case StatusChanged:
		s = s.nextTurn(e)
		s.Status, s.Reason = e.To, e.Reason
	case ApprovalDecided:
		s.Decided = &Approval{e.Approved, clone(e.Message)}
	case EngineChosen:
		return applyPlacement(s, e), nil
	case ComputeUsed:
		return applyCompute(s, e), nil
	case MessageReceived, QuestionSaved, CommandsJoined, AccessDecided, ToolDecided:
		// Facts, most with rows of their own.
	}
	return s, nil
}

// ApplyNumbered is Apply for an event of a commit that has its place in the log: it
// names what the event began, and since when what was before is gone.
func ApplyNumbered(s State, r Recorded, number int64) (State, error) {
	next, err := Apply(s, r)
	if err != nil {
		return next, err
	}
	switch e := r.Event.(type) {
	case MailQueued:
		next = next.numberMail(e.Mail, number)
	case ThreadDeleted:
		next.Pruned = number
	case ThreadPruned:
		if e.Count > 0 {
			next.Pruned = number
		}
	default: // nothing that bears a number
	}
	return next, nil
}

// clone copies what an optional field points to. What a value lists is never
// changed once made, so a value may be shared.
func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

func applyRun(s State, r Recorded) (State, error) {
	if e, ok := r.Event.(RunRequested); ok {
		s.Epoch = e.Epoch
		s.Run = &Run{ID: e.Run, Epoch: e.Epoch, Engine: e.Engine, Kind: e.Kind, Phase: RunPhaseRequested, RequestedAt: r.Time, Input: clone(e.Input), Approval: s.Decided}
		s.Decided = nil
		return s, nil
	}
	if e, ok := r.Event.(WorkloadFinished); ok && e.Stale {
		return s, nil
	}
	if s.Run == nil {
		return s, fmt.Errorf("%s without a run", r.Event.EventType())
	}
	run := *s.Run
	switch e := r.Event.(type) {
	case RunAttempted:
		run.Phase, run.Attempt = RunPhaseAttempted, Attempt{Count: e.Attempt, At: r.Time, By: e.By, Open: true}
	case RunStarted:
		run.Phase, run.Workload, run.Attempt.Open = RunPhaseStarted, e.Workload, false
	case StopRequested:
		run.Stop = &Stop{RequestedAt: r.Time}
	case StopAttempted:
		run.Stop = &Stop{RequestedAt: stopRequestedAt(run, r.Time), Attempt: Attempt{Count: e.Attempt, At: r.Time, By: e.By, Open: true}}
	case WorkloadFinished:
		e.ExitCode, e.Log = clone(e.ExitCode), clone(e.Log)
		run.Phase, run.Result, run.Attempt.Open, run.Stop = RunPhaseFinished, &e, false, nil
	default: // Apply sends no other event here
	}
	s.Run = &run
	return s, nil
}

func stopRequestedAt(run Run, fallback time.Time) time.Time {
	if run.Stop != nil {
		return run.Stop.RequestedAt
	}
	return fallback
}

func applyDelivery(s State, r Recorded) (State, error) {
	if d, asked := requestedBy(r); asked {
		if e, ok := r.Event.(DeliveryRequested); ok {
			s.Answered = e.Run
		}
		// One that waits is asked for anew, not twice.
		s.Deliveries = slices.DeleteFunc(slices.Clone(s.Deliveries), func(o Delivery) bool { return o.ID == d.ID })
		s.Deliveries = append(s.Deliveries, d)
		return s, nil
	}
	id, _ := DeliveryOf(r.Event)
	i := slices.IndexFunc(s.Deliveries, func(d Delivery) bool { return d.ID == id })
	if i < 0 {
		return s, fmt.Errorf("%s of a delivery that is not owed", r.Event.EventType())
	}
	d, owed := ApplyDelivery(s.Deliveries[i], r)
	s.Deliveries = slices.Clone(s.Deliveries)
	if owed {
		s.Deliveries[i] = d
	} else {
		s.Deliveries = slices.Delete(s.Deliveries, i, i+1)
	}
	return s, nil
}

// requestedBy is the delivery that an event asks for, if it asks for one.
func requestedBy(r Recorded) (d Delivery, asked bool) {
	switch e := r.Event.(type) {
	case DeliveryRequested:
		d = Delivery{ID: e.Delivery, Run: e.Run, Adapter: e.Adapter, Kind: e.Kind, Error: e.Error, Message: e.Message}
	case NotificationRequested:
		d = Delivery{ID: e.Delivery, Adapter: e.Adapter, Kind: DeliverEvent, Hook: e.Hook, Event: e.Event, Message: e.Data}
	case RedeliveryRequested:
		d = Delivery{
			ID: e.Delivery, Adapter: e.Adapter, Kind: e.Kind, Error: e.Error, Hook: e.Hook, Event: e.Event, Message: e.Message,
			Attempt: Attempt{Count: e.Attempts}, Before: e.Attempts,
		}
		if e.Run != nil {
			d.Run = *e.Run
		}
	default:
		return Delivery{}, false
	}
	d.RequestedAt, d.Status = r.Time, DeliveryOwed
	return d, true
}

// ApplyDelivery is one delivery after one of its events, and whether it is
// still owed.
func ApplyDelivery(d Delivery, r Recorded) (after Delivery, owed bool) {
	switch e := r.Event.(type) {
	case DeliveryAttempted:
		d.Attempt, d.RetryAt = Attempt{Count: e.Attempt, At: r.Time, By: e.By, Open: true}, time.Time{}
	case DeliveryAnswered:
		answer := e.Answer
		d.Answer, d.RetryAt = &answer, e.RetryAt
	case DeliveryFailed:
		d.Attempt.Open, d.LastError, d.Answer = false, e.Error, nil
	case Delivered:
		d.Attempt.Open, d.Status, d.Receipt, d.EndedAt, d.Answer = false, DeliveryMade, e.Receipt, r.Time, nil
		return d, false
	case DeliveryGivenUp:
		d.Attempt.Open, d.Status, d.LastError, d.EndedAt = false, DeliveryLost, e.Reason, r.Time
		d.RetryAt = time.Time{}
		if e.Error != "" {
			d.LastError = e.Error
		}
		return d, false
	default: // not about a delivery
	}
	return d, true
}
