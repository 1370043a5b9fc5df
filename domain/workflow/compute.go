package workflow

import (
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// Compute is what a run used of its engine, as that says. What it does not say is zero.
type Compute struct {
	// QueuedMS is how long it waited for something to run on, WallMS how long it ran.
	QueuedMS int64 `json:"queued_ms,omitempty"`
	WallMS   int64 `json:"wall_ms,omitempty"`
	// CPUMS is the time of processors, MemoryBytes the most memory at once.
	CPUMS       int64 `json:"cpu_ms,omitempty"`
	MemoryBytes int64 `json:"memory_bytes,omitempty"`
	// Runner is what it ran on, Job the engine's own name of what ran.
	Runner string `json:"runner,omitempty"`
	Job    string `json:"job,omitempty"`
}

// ComputeUsed is what a run used. It stands in the commit of the run's end, and is as
// true of a run that was replaced.
type ComputeUsed struct {
	Run    uuid.UUID `json:"run"`
	Engine string    `json:"engine,omitempty"`
	Compute
}

// Used is what all runs of a workflow used together.
type Used struct {
	// Runs counts those whose engine said what they used.
	Runs     int   `json:"runs"`
	QueuedMS int64 `json:"queued_ms"`
	WallMS   int64 `json:"wall_ms"`
	CPUMS    int64 `json:"cpu_ms"`
}

// clean is what an engine said within the limits; nobody uses less than nothing.
func (c Compute) clean() Compute {
	return Compute{
		QueuedMS: max(0, c.QueuedMS), WallMS: max(0, c.WallMS), CPUMS: max(0, c.CPUMS), MemoryBytes: max(0, c.MemoryBytes),
		Runner: domain.CleanText(c.Runner, MaxID), Job: domain.CleanText(c.Job, MaxID),
	}
}

func applyCompute(s State, e ComputeUsed) State {
	used := Used{}
	if s.Used != nil {
		used = *s.Used
	}
	used.Runs++
	used.QueuedMS += e.QueuedMS
	used.WallMS += e.WallMS
	used.CPUMS += e.CPUMS
	s.Used = &used
	if s.Run != nil && s.Run.ID == e.Run {
		run := *s.Run
		run.Compute = &e.Compute
		s.Run = &run
	}
	return s
}
