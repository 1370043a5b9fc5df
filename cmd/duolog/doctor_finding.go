package main

import "github.com/duolog/duolog/internal/kafka"

// status is what a check came to.
type status string

const (
	statusOK      status = "ok"
	statusWarning status = "warning"
	statusFailure status = "failure"
	// statusUnchecked is what could not be looked at, or what nobody named.
	statusUnchecked status = "unchecked"
)

// finding is one line of the doctor.
type finding struct {
	Name   string `json:"name"`
	Status status `json:"status"`
	// OK is false where something must be put right.
	OK bool `json:"ok"`
	// Note says what was found where all is well.
	Note    string `json:"note,omitempty"`
	Problem string `json:"problem,omitempty"`
	Fix     string `json:"fix,omitempty"`
}

func well(name, note string) finding {
	return finding{Name: name, Status: statusOK, OK: true, Note: note}
}

func warn(name, problem, fix string) finding {
	return finding{Name: name, Status: statusWarning, OK: true, Problem: problem, Fix: fix}
}

func wrong(name, problem, fix string) finding {
	return finding{Name: name, Status: statusFailure, Problem: problem, Fix: fix}
}

// failed is a check that ended with an error.
func failed(name string, err error) finding {
	what, fix := explain(err)
	if fix == "" {
		fix = "run duolog doctor again; if it stays, the logs of the brokers and of the database say more"
	}
	return wrong(name, what, fix)
}

// notLooked is a check that needs what is not there.
func notLooked(name, why, fix string) finding {
	return finding{Name: name, Status: statusUnchecked, OK: true, Problem: "not checked: " + why, Fix: fix}
}

// fromKafka is a finding of the log's own checks.
func fromKafka(f kafka.Finding) finding {
	if f.OK {
		return well(f.Name, "")
	}
	return wrong(f.Name, f.Problem, f.Fix)
}

func (f finding) text(paint painter) string {
	head := map[status]string{
		statusOK: paint.paint(green, "✓"), statusWarning: paint.paint(yellow, "!"), statusFailure: paint.paint(red, "✗"), statusUnchecked: paint.paint(grey, "–"),
	}[f.Status] + " " + f.Name
	switch {
	case f.Note != "":
		return head + "  " + paint.paint(grey, f.Note)
	case f.Status == statusOK:
		return head
	case f.Fix == "":
		return head + "  " + indent(f.Problem)
	}
	return head + "  " + indent(f.Problem) + "\n   fix: " + indent(f.Fix)
}
