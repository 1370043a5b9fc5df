package fault

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Kinds of what goes wrong with a request.
const (
	// Status answers with a status and does nothing.
	Status = "status"
	// TimeoutAfterSuccess does what was asked and drops the connection.
	TimeoutAfterSuccess = "timeout_after_success"
	// Slow waits before it does what was asked.
	Slow = "slow"
	// Nonsense answers 200 with HTML and does nothing.
	Nonsense = "nonsense"
)

// Kinds of what goes wrong with runners.
const (
	// NoRunner lets no job begin.
	NoRunner = "none"
	// Lost begins a job, runs nothing, and lets it fail in the end.
	Lost = "lost"
)

// Rule is one fault: of requests where Kind is set, of runners where Runner is.
type Rule struct {
	ID int64 `json:"id"`
	// Method and Path say which requests; empty is any. A * in the path stands
	// for any characters. The path is as it was sent, with %2F.
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
	Kind   string `json:"kind,omitempty"`
	// Status and RetryAfter (seconds) are for kind status.
	Status     int `json:"status,omitempty"`
	RetryAfter int `json:"retry_after,omitempty"`
	// DelayMS is how long kind slow waits, and how long a lost job stays running.
	DelayMS int    `json:"delay_ms,omitempty"`
	Runner  string `json:"runner,omitempty"`
	// Reason is the failure of a lost job: runner_system_failure, or
	// stuck_or_timeout_failure.
	Reason string `json:"reason,omitempty"`
	// Times is how often; 0 is until the rule is deleted.
	Times int `json:"times,omitempty"`
	// Hits is how often it was applied.
	Hits int `json:"hits"`
}

const (
	maxRules = 100
	maxDelay = 10 * 60 * 1000
)

// validate says what is wrong with a rule.
func (r Rule) validate() error {
	kinds := []string{Status, TimeoutAfterSuccess, Slow, Nonsense}
	switch {
	case (r.Kind == "") == (r.Runner == ""):
		return errors.New("a rule has a kind (of request) or a runner (fault), and not both")
	case r.Kind != "" && !slices.Contains(kinds, r.Kind):
		return fmt.Errorf("kind is one of %s", strings.Join(kinds, ", "))
	case r.Kind == Status && (r.Status < 400 || r.Status > 599):
		return errors.New("status is 400 to 599")
	case r.Runner != "" && r.Runner != NoRunner && r.Runner != Lost:
		return errors.New("runner is none or lost")
	case r.Runner == Lost && !slices.Contains([]string{"", "runner_system_failure", "stuck_or_timeout_failure"}, r.Reason):
		return errors.New("reason is runner_system_failure or stuck_or_timeout_failure")
	case r.Times < 0 || r.DelayMS < 0 || r.DelayMS > maxDelay || r.RetryAfter < 0:
		return fmt.Errorf("times, retry_after and delay_ms are not negative, delay_ms is at most %d", maxDelay)
	}
	return nil
}

// matches says whether the rule is about a request.
func (r Rule) matches(method, path string) bool {
	if r.Method != "" && !strings.EqualFold(r.Method, method) {
		return false
	}
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(r.Path), `\*`, ".*") + "$"
	return r.Path == "" || regexp.MustCompile(pattern).MatchString(path)
}

// Rules are the faults of an instance, each applied before the ones added later.
// The zero value has none. It may be used from any goroutine.
type Rules struct {
	mu    sync.Mutex
	last  int64
	rules []*Rule
}

// Add takes a rule in.
func (r *Rules) Add(rule Rule) (Rule, error) {
	if err := rule.validate(); err != nil {
		return Rule{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.rules) >= maxRules {
		return Rule{}, fmt.Errorf("there are %d rules already", maxRules)
	}
	r.last++
	rule.ID, rule.Hits = r.last, 0
	r.rules = append(r.rules, &rule)
	return rule, nil
}

// List is all rules, used up ones too.
func (r *Rules) List() []Rule {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Rule, len(r.rules))
	for i, rule := range r.rules {
		out[i] = *rule
	}
	return out
}

// Delete takes one rule out, or all with 0.
func (r *Rules) Delete(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rules = slices.DeleteFunc(r.rules, func(rule *Rule) bool { return id == 0 || rule.ID == id })
}

// Request is the fault that a request meets, if any; it counts as a hit.
func (r *Rules) Request(method, path string) (Rule, bool) {
	return r.hit(func(rule *Rule) bool { return rule.Kind != "" && rule.matches(method, path) })
}

// Lost is the fault that a job meets which begins, if any; it counts as a hit.
func (r *Rules) Lost() (Rule, bool) {
	return r.hit(func(rule *Rule) bool { return rule.Runner == Lost })
}

// NoRunner says whether no job may begin now. It is a state, not counted.
func (r *Rules) NoRunner() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.rules, func(rule *Rule) bool { return rule.Runner == NoRunner })
}

func (r *Rules) hit(meets func(*Rule) bool) (Rule, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rule := range r.rules {
		if (rule.Times == 0 || rule.Hits < rule.Times) && meets(rule) {
			rule.Hits++
			return *rule, true
		}
	}
	return Rule{}, false
}
