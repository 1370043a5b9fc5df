package kafka

import "github.com/duolog/duolog/domain"

// SafetyError says why the log cannot be trusted, and what to do about it.
type SafetyError struct {
	// Problem is a sentence for an operator.
	Problem string
	// Fix is the next thing to do, a command where there is one.
	Fix string
}

func (e *SafetyError) Error() string { return e.Problem + "\nfix: " + e.Fix }

// refusal is what a writer gets while the log is unsafe.
func (e *SafetyError) refusal() error {
	return &domain.Error{Code: domain.CodeLogUnsafe, Message: e.Problem, Fix: e.Fix, Err: e}
}

// Finding is one thing that was looked at.
type Finding struct {
	Name    string
	OK      bool
	Problem string
	Fix     string
}

func good(name string) Finding { return Finding{Name: name, OK: true} }

func bad(name string, e *SafetyError) Finding {
	return Finding{Name: name, Problem: e.Problem, Fix: e.Fix}
}

// firstProblem is the first finding that is not well, or nil.
func firstProblem(findings []Finding) *SafetyError {
	for _, f := range findings {
		if !f.OK {
			return &SafetyError{Problem: f.Problem, Fix: f.Fix}
		}
	}
	return nil
}
