package entry

import (
	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/document"
)

// StatusChange reads a change of a workflow's status.
func StatusChange(doc document.Object) (*workflow.UpdateStatus, error) {
	f := &document.Fields{Doc: doc}
	command := &workflow.UpdateStatus{Event: workflow.StatusEvent(f.Text("status_event")), Reason: f.Text("reason"), Run: f.Flag("start_workflow", false)}
	if f.Err == nil && !f.Has("status_event") {
		f.Err = domain.InvalidField("status_event", "status_event is missing", "send the event, such as start or stop")
	}
	return command, f.Err
}
