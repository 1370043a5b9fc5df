package saga

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/engine"
)

// What people are told says what happened, why, and what they can do.

func failedText(w *ended, log string) string {
	out := "The agent failed: " + cause(w.end) + "."
	if log != "" {
		out += " The last that was heard of it is:\n\n    " + log
	}
	return out + "\n\n" + next(w)
}

func cause(end workflow.WorkloadFinished) string {
	switch {
	case end.Reason == engine.ReasonExitCode && end.ExitCode != nil:
		return fmt.Sprintf("its program ended with exit code %d", *end.ExitCode)
	case end.Reason == engine.ReasonKilled:
		return "its program was killed"
	case end.Reason == engine.ReasonLost:
		return "its program vanished and nobody saw how"
	case end.Reason == engine.ReasonStartFailed:
		return "it could not be started"
	case end.Reason == "unknown_engine":
		return "the engine it was to run on is not configured here"
	}
	return cmp.Or(strings.ReplaceAll(end.Reason, "_", " "), "no reason was given")
}

func stoppedText(w *ended) string {
	out := "Stopped."
	if w.state.Status == workflow.StatusStopped && w.state.Reason != "" {
		out = "Stopped: " + w.state.Reason + "."
	}
	return out + " What was done until then is kept. " + next(w)
}

func noResponseText(w *ended) string {
	return "The agent ended without an answer. " + next(w)
}

func questionText(w *ended, question string) string {
	if question != "" {
		return question
	}
	if w.state.Status == workflow.StatusToolApprovalRequired {
		return "The agent waits for your approval of a tool. " + next(w)
	}
	if w.state.Status == workflow.StatusPlanApprovalRequired {
		return "The agent waits for your approval of its plan. " + next(w)
	}
	return "The agent waits for your answer. " + next(w)
}

func next(w *ended) string {
	out := fmt.Sprintf("`duolog workflow show %d` has every step", w.number)
	if w.state.Status.AwaitsHuman() {
		return out + "; answer here to go on."
	}
	return out + "; another message here starts again."
}
