package ci_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/internal/fakegitlab/ci"
)

func TestParse(t *testing.T) {
	t.Parallel()
	f, err := ci.Parse([]byte(`
stages: [build, test]
default: {image: {name: "alpine:3"}, tags: [small]}
variables:
  A: 1
  B: {value: "$A", expand: false, description: raw}
.hidden: &lines [echo one, echo two]
second: {script: [*lines, echo three], timeout: 1h 30m, when: on_success}
first: {stage: build, before_script: [cd x], script: echo, tags: [gitlab--duo], image: "bash", environment: prod, allow_failure: true}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []ci.Job{
		{Name: "first", Stage: "build", Image: "bash", Environment: "prod", Tags: []string{"gitlab--duo"}, Script: []string{"cd x", "echo"}, Timeout: time.Hour, AllowFail: true},
		{Name: "second", Stage: "test", Image: "alpine:3", Tags: []string{"small"}, Script: []string{"echo one", "echo two", "echo three"}, Timeout: 90 * time.Minute, When: "on_success"},
	}
	if diff := cmp.Diff(want, f.Jobs); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]ci.Variable{{Key: "A", Value: "1"}, {Key: "B", Value: "$A", Raw: true}}, f.Variables); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                   "at least one visible job",
		".x: {script: [a]}":                  "at least one visible job",
		"x: [":                               "Invalid configuration format",
		"x: {stage: test}":                   "jobs:x config should implement the script",
		"x: {script: [a], stage: nowhere}":   "chosen stage nowhere does not exist",
		"x: {script: [a], timeout: soon}":    "should be a duration",
		"x: {script: {a: b}}":                "nested array of strings",
		"x: {script: [a], extends: .y}":      "extends is not known",
		"x: {script: [a], when: manual}":     "when: manual is not known",
		"include: y.yml\nx: {script: [a]}":   "include is not known",
		"x: text":                            "should be a hash",
		"x: {script: [a], rules: [{if: a}]}": "invalid expression syntax",
		"x: {script: [a], rules: text}":      "should be an array of hashes",
		"x: {script: [a], variables: text}":  "hash of key value pairs",
		strings.Repeat("#", ci.MaxFile+1):    "is longer than",
	} {
		if _, err := ci.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, not %s", text, err, want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	got := ci.Environment(
		[]ci.Variable{{Key: "A", Value: "low"}, {Key: "LOOP", Value: "$POOL"}, {Key: "POOL", Value: "${LOOP}"}},
		[]ci.Variable{{Key: "A", Value: "high"}, {Key: "B", Value: "<$A> ${A}s $NONE $$A"}, {Key: "C", Value: "$B", Raw: true}},
	)
	want := map[string]string{"A": "high", "B": "<high> highs  $A", "C": "$B", "LOOP": "$LOOP", "POOL": "$POOL"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	env := map[string]string{"SOURCE": "api", "REF": "workloads/1", "EMPTY": ""}
	for condition, want := range map[string]bool{
		`$SOURCE == "api"`: true, `$SOURCE != 'api'`: false, `$SOURCE`: true, `$EMPTY`: false, `$NONE`: false, `$NONE == null`: true, `$EMPTY == null`: false,
		`$REF =~ /^workloads/`: true, `$REF !~ /^WORK/i`: false, `$SOURCE == "push" || $REF`: true, `$SOURCE == "push" || $REF && $NONE`: false,
		`($SOURCE == "push" || $REF) && $SOURCE`: true, ``: true,
	} {
		if got := ci.Chosen([]ci.Rule{{If: condition}}, env); got != want {
			t.Errorf("%s: %v", condition, got)
		}
	}
	never := []ci.Rule{{If: `$SOURCE == "api"`, When: "never"}, {When: "always"}}
	if ci.Chosen(never, env) || !ci.Chosen(never, nil) || !ci.Chosen(nil, env) || ci.Chosen([]ci.Rule{}, env) {
		t.Error("the first rule that holds does not decide")
	}
}
