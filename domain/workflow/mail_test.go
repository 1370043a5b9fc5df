package workflow_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

func queue(kind workflow.MailKind) *workflow.QueueMail { return &workflow.QueueMail{Kind: kind} }

// TestMailboxIsBounded: what waits is never dropped, what was taken makes room.
func TestMailboxIsBounded(t *testing.T) {
	t.Parallel()
	var full []workflow.Event
	var ids []uuid.UUID
	for range workflow.MaxMail {
		ids = append(ids, uuid.New())
		full = append(full, workflow.MailQueued{Mail: ids[len(ids)-1], Kind: workflow.MailPause})
	}
	given(t, append(running(), full...)...).when(queue(workflow.MailStop)).refused(domain.CodeConflict, "")
	taken := append(running(), append(full, workflow.MailMarked{Mail: ids[7], Status: workflow.MailIsDelivered})...)
	s := given(t, taken...).when(queue(workflow.MailStop))
	s.then(workflow.MailQueued{Mail: s.env.CommandID, Kind: workflow.MailStop})
	if len(s.state.Mail) != workflow.MaxMail || s.state.Mail[6].ID != ids[6] || s.state.Mail[7].ID != ids[8] {
		t.Errorf("the box holds %d items", len(s.state.Mail))
	}
}

func TestMailIsMarkedOnce(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	mark := func(status workflow.MailStatus) *workflow.MarkMail {
		return &workflow.MarkMail{Mail: id, Status: status}
	}
	s := given(t, append(running(), workflow.MailQueued{Mail: id, Kind: workflow.MailPause})...)
	s.when(mark(workflow.MailIsQueued)).then()
	s.when(mark(workflow.MailIsDelivered)).then(workflow.MailMarked{Mail: id, Status: workflow.MailIsDelivered})
	s.when(mark(workflow.MailIsDelivered)).then()
	s.when(mark(workflow.MailIsQueued)).then(workflow.MailMarked{Mail: id, Status: workflow.MailIsQueued})
	given(t, running()...).when(mark(workflow.MailIsDelivered)).refused(domain.CodeNotFound, "event_id")
}
