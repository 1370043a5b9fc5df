package agent

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// plan is what a question leads to: steps, and an answer made of what they
// showed. It depends on the question alone, so that a run that takes over
// counts the same steps.
type plan struct {
	steps  []step
	answer func([]finding) string
	// question is asked instead of an answer.
	question string
}

// step is one use of a tool.
type step struct {
	Tool    string
	N       int
	Path    string
	Pattern string
}

// The tools of this agent.
const (
	toolLog     = "git_log"
	toolDefined = "git_grep_definition"
	toolGrep    = "git_grep"
	toolRead    = "read_file"
	toolList    = "list_files"
	toolAuthors = "git_shortlog"
	toolStatus  = "git_status"
)

func (s step) args() map[string]any {
	args := map[string]any{}
	if s.N > 0 {
		args["n"] = s.N
	}
	if s.Path != "" {
		args["path"] = s.Path
	}
	if s.Pattern != "" {
		args["pattern"] = s.Pattern
	}
	return args
}

// String is the step as people would type it.
func (s step) String() string {
	where := ""
	if s.Path != "" {
		where = " -- " + s.Path
	}
	switch s.Tool {
	case toolLog:
		return fmt.Sprintf("git log -n %d --stat%s", s.N, where)
	case toolDefined:
		return "git grep the definition of " + s.Pattern
	case toolGrep:
		return "git grep " + s.Pattern
	case toolRead:
		return "read " + s.Path
	case toolAuthors:
		return "git shortlog -sn HEAD" + where
	case toolStatus:
		return "git status --branch"
	default:
		return "list files" + where
	}
}

// rule turns the questions that its pattern knows into a plan.
type rule struct {
	pattern *regexp.Regexp
	plan    func(question string, match []string) plan
}

// rules are tried in order; the first that matches is taken.
func rules() []rule {
	at := func(p string, f func(string, []string) plan) rule {
		return rule{regexp.MustCompile("(?i)" + p), f}
	}
	return []rule{
		at(`\bask me\b`, askPlan),
		at(`\b(?:last|latest|past|previous|recent)\s+(?:(\w+)\s+)?(?:commits?|changes)\b`, changesPlan),
		at(`^what(?:'s|’s| is| has| have| was)?\s+(?:been\s+)?(?:changed|changing|new|happened|happening|going on)\b()`, changesPlan),
		at(`^who\b.*\b(?:contribut\w*|works on this|works here|commits)\b`, authorsPlan),
		at(`^who\b.*?\b(?:touche[sd]|touch|changed|edited|modified|wrote|created|owns|maintains|worked on|works on)\s+(.+)$`, whoPlan),
		at(`\b(?:where(?:'s|’s| is| are| do we)?|in which file is)\s+(.+?)\s+(?:defined|declared|implemented|define|declare|implement)\b`, definedPlan),
		at(`\bdefinition of\s+(.+)$`, definedPlan),
		at(`\b(?:where(?:'s|’s| is| are| do we)?)\s+(.+?)\s+(?:used|called|mentioned|referenced|use|call|mention)\b`, usedPlan),
		at(`^(?:who|what|which files?)\s+(?:uses?|calls?|mentions?)\s+(.+)$`, usedPlan),
		at(`^(?:find|grep|search)\s+(?:for\s+)?(.+)$`, usedPlan),
		at(`\bhow many\s+(?:\w+\s+)*?(commits|people|authors|contributors)\b`, authorsPlan),
		at(`\bhow (?:many|big|large)\b(?:.*?\b(?:in|under|inside|is)\s+(.+)|.*)$`, countPlan),
		at(`\bwhat(?:'s|’s| is| does)?\s+(?:this|the)\s+(?:repo(?:sitory)?|project|code\s?base)\b`, aboutPlan),
		at(`^what(?:'s|’s| is)\s+(?:this|it)\s+about\b`, aboutPlan),
		at(`\b(?:which|what)(?:'s|’s| is)?\s+(?:the\s+)?(?:current\s+)?branch\b|^(?:git )?status\b`, statusPlan),
		at(`^what(?:'s|’s| is| does)\s+(?:in|inside)\s+(.+)$`, filePlan),
		at(`^what does\s+(.+?)\s+(?:do|contain|say)\b`, filePlan),
		at(`^(?:show(?: me)?|read|open|cat|summari[sz]e|explain|describe)\s+(.+)$`, filePlan),
		at(`^(\S*[./]\S*)$`, filePlan),
	}
}

var (
	mention  = regexp.MustCompile(`^\s*(?:<@[^>]*>|@[\w./-]+)[\s,:]*`)
	pathLike = regexp.MustCompile(`[\w@+.-]*[\w@+-][./][\w@+./-]*|[\w@+.-]*[./][\w@+-][\w@+./-]*`)
	filler   = regexp.MustCompile(`(?i)^(?:the|a|an|file|files|folder|directory|package|function|func|type|struct|interface|method|class|constant|const|variable|var|symbol|all|of|in)\s+`)
	trailing = regexp.MustCompile(`(?i)(?:\s+(?:last|latest|lately|recently|most|first|file|folder|directory|package|function|type|struct|please|here|now|there|today))+$`)
)

// planFor finds the plan for a question. An answer to the agent's own question
// may be just a file among other words.
func planFor(question string, reply bool) plan {
	q := strings.Trim(mention.ReplaceAllString(question, ""), " \t\r\n?!.")
	for _, r := range rules() {
		if m := r.pattern.FindStringSubmatch(q); m != nil {
			return r.plan(q, m)
		}
	}
	if path := pathLike.FindString(q); reply && path != "" {
		return filePlan(q, []string{q, path})
	}
	return plan{answer: func([]finding) string { return help }}
}

func askPlan(question string, _ []string) plan {
	if strings.Contains(strings.ToLower(question), "file") {
		return plan{question: "Which file of this repository shall I read? A path such as README.md is enough."}
	}
	return plan{question: "What shall I look at? Name a file, a folder, or ask me one of the questions I know."}
}

func changesPlan(question string, m []string) plan {
	n := 10
	switch {
	case m[1] != "":
		n = number(m[1])
	case regexp.MustCompile(`(?i)\b(?:last|latest|previous) commit\b`).MatchString(question):
		n = 1
	}
	path := ""
	if i := strings.IndexAny(question, "/."); i >= 0 {
		path = subject(pathLike.FindString(question))
	}
	return plan{
		steps: []step{{Tool: toolLog, N: n, Path: path}, {Tool: toolRead, Path: "README.md"}},
		answer: func(f []finding) string {
			return changesProse(f[0], n, path, f[1])
		},
	}
}

func whoPlan(_ string, m []string) plan {
	path := subject(m[1])
	return plan{
		steps:  []step{{Tool: toolLog, N: 20, Path: path}},
		answer: func(f []finding) string { return whoProse(f[0], path) },
	}
}

func definedPlan(_ string, m []string) plan {
	name := subject(m[1])
	return plan{
		steps:  []step{{Tool: toolDefined, Pattern: name}, {Tool: toolGrep, Pattern: name}},
		answer: func(f []finding) string { return definedProse(f[0], f[1], name) },
	}
}

func usedPlan(_ string, m []string) plan {
	name := subject(m[1])
	return plan{
		steps:  []step{{Tool: toolGrep, Pattern: name}},
		answer: func(f []finding) string { return usedProse(f[0], name) },
	}
}

func countPlan(_ string, m []string) plan {
	path := subject(m[1])
	if regexp.MustCompile(`(?i)^(?:(?:this|the|it|total)(?: (?:whole |entire )?(?:repo(?:sitory)?|project|code ?base))?|there)?$`).MatchString(path) {
		path = ""
	}
	return plan{
		steps:  []step{{Tool: toolList, Path: path}},
		answer: func(f []finding) string { return countProse(f[0], path) },
	}
}

func authorsPlan(string, []string) plan {
	return plan{
		steps:  []step{{Tool: toolAuthors}},
		answer: func(f []finding) string { return authorsProse(f[0]) },
	}
}

func aboutPlan(string, []string) plan {
	return plan{
		steps:  []step{{Tool: toolRead, Path: "README.md"}, {Tool: toolList}, {Tool: toolLog, N: 1}},
		answer: func(f []finding) string { return aboutProse(f[0], f[1], f[2]) },
	}
}

func statusPlan(string, []string) plan {
	return plan{
		steps:  []step{{Tool: toolStatus}, {Tool: toolLog, N: 1}},
		answer: func(f []finding) string { return statusProse(f[0], f[1]) },
	}
}

func filePlan(_ string, m []string) plan {
	path := subject(m[1])
	return plan{
		steps:  []step{{Tool: toolRead, Path: path}, {Tool: toolLog, N: 5, Path: path}},
		answer: func(f []finding) string { return fileProse(f[0], f[1], path) },
	}
}

// subject takes a path or a name out of the words around it.
func subject(text string) string {
	text = strings.TrimSpace(text)
	for {
		short := filler.ReplaceAllString(trailing.ReplaceAllString(text, ""), "")
		if short == text {
			break
		}
		text = short
	}
	return strings.Trim(strings.TrimRight(text, ".,;:!?"), "`'\"“”‘’ ")
}

func number(word string) int {
	if n, err := strconv.Atoi(word); err == nil {
		return min(max(n, 1), 200)
	}
	for n, name := range numberWords() {
		if strings.EqualFold(word, name) && n > 0 {
			return n
		}
	}
	switch strings.ToLower(word) {
	case "couple":
		return 2
	case "few", "several":
		return 5
	case "twenty":
		return 20
	}
	return 10
}
