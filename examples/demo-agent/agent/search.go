package agent

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxHits is how many places a finding keeps.
const maxHits = 20

// hit is one line that was found, hitFacts all of them.
type hit struct {
	Path string `json:"path"`
	Line int    `json:"line"`
	Text string `json:"text"`
}

type hitFacts struct {
	Hits  []hit   `json:"hits"`
	Total int     `json:"total"`
	Files []count `json:"files"`
	Count int     `json:"file_count"`
}

// grep finds where a name or text stands; with defined, only where it is made.
func (r *repo) grep(ctx context.Context, text string, defined bool) (finding, string, error) {
	if text == "" {
		return finding{}, "", errors.New("there is nothing to search for")
	}
	args := []string{"grep", "-I", "-n", "-z", "--no-textconv"}
	if name, ok := identifier(text); defined {
		if !ok {
			return finding{Hits: &hitFacts{}}, "no name to look for", nil
		}
		args = append(args, "-E")
		for _, pattern := range definitions(name) {
			args = append(args, "-e", pattern)
		}
	} else if ok {
		args = append(args, "-w", "-F", "-e", name)
	} else {
		args = append(args, "-i", "-F", "-e", text)
	}
	out, err := r.git(ctx, append(args, "--")...)
	if err != nil && exitCode(err) != 1 {
		return finding{}, "", err
	}
	facts := readHits(out)
	var shown strings.Builder
	for _, h := range facts.Hits {
		fmt.Fprintf(&shown, "%s:%d: %s\n", h.Path, h.Line, h.Text)
	}
	return finding{Hits: facts}, shown.String(), nil
}

// identifier is the last part of a dotted name, without a call's brackets.
func identifier(text string) (string, bool) {
	text = strings.TrimSuffix(text, "()")
	text = text[strings.LastIndexByte(text, '.')+1:]
	return text, regexp.MustCompile(`^\w+$`).MatchString(text)
}

// definitions are the ways in which common languages make a name.
func definitions(name string) []string {
	return []string{
		`(^|[^[:alnum:]_])(func|function|fn|def|type|class|struct|interface|enum|trait|module|const|var|let|message|service|rpc|#define)[[:space:]]+(\([^)]*\)[[:space:]]*)?` + name + `([^[:alnum:]_]|$)`,
		`^[[:space:]]+` + name + `([[:space:]]+[][*[:alnum:]_.]+)?[[:space:]]+=[^=]`,
		`^[[:space:]]+` + name + `[[:space:]]+(struct|interface|func)([^[:alnum:]_]|$)`,
		`^` + name + `[[:space:]]*(=|\(\)[[:space:]]*\{|:)`,
	}
}

// readHits reads what git grep -n -z wrote: "path NUL line NUL text". Code
// comes before its tests.
func readHits(out string) *hitFacts {
	facts, files := &hitFacts{Hits: []hit{}}, map[string]int{}
	var all []hit
	for line := range strings.SplitSeq(out, "\n") {
		fields := strings.SplitN(line, "\x00", 3)
		if len(fields) < 3 {
			continue
		}
		n, _ := strconv.Atoi(fields[1])
		files[fields[0]]++
		all = append(all, hit{fields[0], n, clip(strings.TrimSpace(fields[2]), 160)})
	}
	slices.SortStableFunc(all, func(a, b hit) int { return testRank(a.Path) - testRank(b.Path) })
	facts.Hits = all[:min(maxHits, len(all))]
	facts.Total, facts.Count, facts.Files = len(all), len(files), counts(files, 5)
	return facts
}

func testRank(file string) int {
	if strings.Contains(strings.ToLower(file), "test") {
		return 1
	}
	return 0
}
