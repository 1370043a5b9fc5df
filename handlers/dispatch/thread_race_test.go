package dispatch_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections"
)

// TestTwoMessagesNeverStartTwoRuns: many messages come to one thread at once, over two
// nodes. One of them starts its workflow; and one of those that then find it waiting
// is what it goes on with, the others wait for that run.
func TestTwoMessagesNeverStartTwoRuns(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	nodes := []*nodetest.Node{c.Start(t, nodetest.Options{}), c.Start(t, nodetest.Options{})}
	const messages = 12
	place := conversation.Place{Adapter: "console", Channel: "general", Thread: "1"}
	thread := domain.StreamID{Tenant: "acme", Kind: domain.KindConversation, ID: place.ID("acme")}
	each := func(send func(n *nodetest.Node, i int) error) {
		var wg sync.WaitGroup
		for i := range messages {
			wg.Go(func() {
				if err := send(nodes[i%2], i); err != nil {
					t.Errorf("message %d: %v", i, err)
				}
			})
		}
		wg.Wait()
	}
	each(func(n *nodetest.Node, i int) error {
		_, err := n.Dispatch.Do(t.Context(), dispatch.Request{Stream: thread, CommandID: uuid.New(), Conversation: &conversation.ReceiveMessage{
			Place: place, MessageID: fmt.Sprint(i), Author: "mia", Text: "go",
		}})
		return err
	})
	facts := messagesOf(t, nodes[0], thread, messages)
	starts := 0
	for _, m := range facts.Messages {
		if m.Mode == conversation.ModeStart {
			starts++
		}
	}
	if starts != 1 || len(facts.Messages) != messages {
		t.Fatalf("%d of %d messages start a workflow", starts, len(facts.Messages))
	}

	id := stream()
	first := do(t, nodes[0], id, start()).Workflow.Run
	do(t, nodes[0], id, &workflow.UpdateStatus{Event: "start"})
	do(t, nodes[0], id, &workflow.UpdateStatus{Event: "require_input"})
	do(t, nodes[0], id, &workflow.FinishWorkload{Run: first.ID, Epoch: 1, Status: "success"})
	each(func(n *nodetest.Node, i int) error {
		policy := []workflow.FollowUpPolicy{workflow.FollowUpInject, workflow.FollowUpQueue}[i%2]
		_, err := try(t.Context(), n, id, &workflow.ReceiveMessage{Conversation: thread.ID, MessageID: fmt.Sprint(i), Author: "mia", Text: "go on", Policy: policy})
		return err
	})
	last := do(t, nodes[0], id, &workflow.QueueMail{Kind: workflow.MailPause}).Workflow
	if last.Epoch != 2 || len(last.FollowUps) != messages-1 {
		t.Errorf("%d runs, and %d of %d messages wait", last.Epoch, len(last.FollowUps), messages)
	}
}

// messagesOf reads what became of the first messages of a thread.
func messagesOf(t *testing.T, n *nodetest.Node, thread domain.StreamID, count int) *conversation.Facts {
	t.Helper()
	snapshots, err := projections.NewSnapshots(n.DB.Read, nodetest.Partitions)
	if err != nil {
		t.Fatal(err)
	}
	var want conversation.Want
	for i := range count {
		want.Messages = append(want.Messages, fmt.Sprint(i))
	}
	snap, err := snapshots.Load(t.Context(), thread, projections.SnapshotWant{Conversation: want})
	if err != nil {
		t.Fatal(err)
	}
	return snap.Messages
}
