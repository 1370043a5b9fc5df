package directory

import (
	"fmt"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain"
)

// The policies of a root group, by name. A name that is none of them may stand in the
// log from before they had a meaning: it is shown, says nothing, and can be taken away.
const (
	// PolicyDeniedActions lists what nobody may do there.
	PolicyDeniedActions = "denied_actions"
	// PolicyDeniedTools lists the tools that no agent may use there.
	PolicyDeniedTools = "denied_tools"
	// PolicyFollowUp says what becomes of a message while a run is under way.
	PolicyFollowUp = "follow_up"
)

// Policies lists them.
func Policies() []string { return []string{PolicyDeniedActions, PolicyDeniedTools, PolicyFollowUp} }

// Actions are what a group may deny. What each of them takes, domain/access says.
func Actions() []string {
	return []string{"start", "resume", "steer", "stop", "fork", "redeliver", "use_tool"}
}

// FollowUps are what may become of a message while a run is under way.
func FollowUps() []string { return []string{"inject", "queue", "refuse"} }

// Policy is what the group says under a name; empty where it says nothing.
func (s FlowSettings) Policy(name string) string {
	for _, p := range s.Policies {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// Denied are the entries of a policy that is a list.
func (s FlowSettings) Denied(policy string) []string {
	value := s.Policy(policy)
	if value == "" {
		return nil
	}
	return entries(value)
}

// entries are those of a comma-separated list.
func entries(value string) []string {
	out := strings.Split(value, ",")
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}

// check refuses what is no policy, and a value that would say nothing; an empty one
// takes the policy away.
func (p Policy) check() error {
	const field = "policies.value"
	if !slices.Contains(Policies(), p.Name) || p.Value == "" {
		return oneOf("policies.name", "policy", p.Name, Policies())
	}
	if err := domain.CheckText(field, p.Value, MaxName); err != nil {
		return err
	}
	switch p.Name {
	case PolicyDeniedActions:
		return eachOf(entries(p.Value), func(action string) error { return oneOf(field, "action", action, Actions()) })
	case PolicyDeniedTools:
		return eachOf(entries(p.Value), func(tool string) error { return CheckTool(field, tool) })
	}
	return oneOf(field, "way to follow up", p.Value, FollowUps())
}

func eachOf(list []string, check func(string) error) error {
	for _, one := range list {
		if err := check(one); err != nil {
			return err
		}
	}
	return nil
}

func oneOf(field, what, text string, of []string) error {
	if slices.Contains(of, text) {
		return nil
	}
	return domain.InvalidField(field, fmt.Sprintf("%.40q is no %s", text, what), "use "+strings.Join(of[:len(of)-1], ", ")+" or "+of[len(of)-1])
}
