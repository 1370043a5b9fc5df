package routing

import (
	"fmt"
	"strings"

	"github.com/duolog/duolog/domain"
)

// Rule sends the messages it matches to a flow. A part that is empty matches
// everything.
type Rule struct {
	// Adapter is the surface: slack, console.
	Adapter string `json:"adapter,omitempty"`
	// Place is a channel; each * in it stands for any text.
	Place string `json:"place,omitempty"`
	// Word is the first word of the task, whatever its case: fix, /review.
	Word string `json:"word,omitempty"`
	Flow string `json:"flow"`
}

// Message is what is known of a message before anything runs.
type Message struct {
	Adapter, Place string
	// Task is its text, without the mention it begins with.
	Task string
	// Asked is the flow it asks for by name; empty where it leaves the choice.
	Asked string
}

// Decision is the flow that was chosen, and why.
type Decision struct {
	Flow string `json:"flow"`
	// Rule is the number of the rule that matched, from 1; 0 where none was needed
	// or none matched.
	Rule int `json:"rule,omitempty"`
	// Why says it for people.
	Why string `json:"why"`
}

// Decide chooses the flow of a message: the one it asks for, that of the first
// rule that matches, or the default.
func Decide(rules []Rule, m Message, fallback string) Decision {
	if m.Asked != "" {
		return Decision{Flow: m.Asked, Why: "it was asked for"}
	}
	for i, r := range rules {
		if why, ok := r.matches(m); ok {
			return Decision{Flow: r.Flow, Rule: i + 1, Why: why}
		}
	}
	if len(rules) == 0 {
		return Decision{Flow: fallback, Why: "it is the default"}
	}
	return Decision{Flow: fallback, Why: "it is the default: no rule matches"}
}

// matches says whether the rule is about the message, and by what.
func (r Rule) matches(m Message) (why string, ok bool) {
	var parts []string
	for _, part := range []struct {
		name, want string
		ok         bool
	}{
		{"adapter", r.Adapter, r.Adapter == m.Adapter},
		{"place", r.Place, like(bare(r.Place), bare(m.Place))},
		{"first word", r.Word, strings.EqualFold(r.Word, firstWord(m.Task))},
	} {
		switch {
		case part.want == "":
		case !part.ok:
			return "", false
		default:
			parts = append(parts, part.name+" "+part.want)
		}
	}
	if len(parts) == 0 {
		return "everything", true
	}
	return domain.CleanText(strings.Join(parts, ", "), maxWhy), true
}

// maxPart bounds each part of a rule, maxWhy what is said of it, in bytes.
const (
	maxPart = 255
	maxWhy  = 512
)

// bare is a place without the sign that people write before it.
func bare(place string) string { return strings.TrimPrefix(place, "#") }

// firstWord is the first word of a task, without the mark behind it.
func firstWord(task string) string {
	words := strings.Fields(task)
	if len(words) == 0 {
		return ""
	}
	return strings.TrimRight(words[0], ":,;.!?")
}

// like says whether text is of the pattern, each * of which is any text.
func like(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return text == pattern
	}
	rest, ok := strings.CutPrefix(text, first)
	if !ok || !strings.HasSuffix(rest, last) {
		return false
	}
	rest = rest[:len(rest)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return true
}

// Validate says what is wrong with a rule.
func (r Rule) Validate() error {
	for _, part := range []struct{ field, got string }{{"adapter", r.Adapter}, {"place", r.Place}, {"word", r.Word}, {"flow", r.Flow}} {
		if err := domain.CheckText(part.field, part.got, maxPart); err != nil {
			return err
		}
	}
	switch {
	case r.Flow == "":
		return domain.InvalidField("flow", "the rule has no flow", "name the one that it starts, like code_review/v1")
	case firstWord(r.Word) != r.Word:
		return domain.InvalidField("word", fmt.Sprintf("%.40q is not one word", r.Word), "write the first word alone, like fix or /review")
	}
	return nil
}
