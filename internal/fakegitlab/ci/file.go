package ci

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// MaxFile bounds a CI file.
const MaxFile = 256 << 10

// DefaultTimeout is how long a job may run that does not say.
const DefaultTimeout = time.Hour

// File is what a CI file says.
type File struct {
	Stages    []string
	Variables []Variable
	// Name is workflow:name; its variables are expanded by the reader.
	Name  string
	Rules []Rule
	Jobs  []Job
}

// Job is one job of the file, with the defaults filled in.
type Job struct {
	Name        string
	Stage       string
	Image       string
	Environment string
	Tags        []string
	// Script is before_script and script, which run in one shell.
	Script    []string
	After     []string
	Variables []Variable
	Timeout   time.Duration
	AllowFail bool
	When      string
	Rules     []Rule
}

// Variable is a variable that the file sets. A raw one is not expanded.
type Variable struct {
	Key, Value string
	Raw        bool
}

// Error says what is wrong with a file, in GitLab's words where it has some.
type Error string

func (e Error) Error() string { return string(e) }

func wrong(format string, args ...any) error { return Error(fmt.Sprintf(format, args...)) }

// Parse reads a file.
func Parse(text []byte) (File, error) {
	if len(text) > MaxFile {
		return File{}, wrong("the file is longer than %d bytes", MaxFile)
	}
	var order yaml.MapSlice
	var top map[string]any
	if err := yaml.Unmarshal(text, &order); err != nil {
		return File{}, wrong("Invalid configuration format: %s", firstLine(err))
	}
	if err := yaml.Unmarshal(text, &top); err != nil {
		return File{}, wrong("Invalid configuration format: %s", firstLine(err))
	}
	r := reader{}
	f := r.file(top, order)
	if r.err == nil && len(f.Jobs) == 0 {
		r.fail("jobs config should contain at least one visible job")
	}
	return f, r.err
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// global are the keys of a file that are no jobs.
func global(key string) bool {
	return slices.Contains([]string{
		"stages", "default", "variables", "workflow", "image", "services", "cache",
		"before_script", "after_script", "include", "spec", "pages",
	}, key)
}

// unknown are keys of a job that would change whether it runs, or with what.
func unknown() []string {
	return []string{"extends", "needs", "trigger", "parallel", "only", "except", "secrets", "id_tokens", "inherit", "run", "inputs"}
}

func (r *reader) file(top map[string]any, order yaml.MapSlice) File {
	if _, ok := top["include"]; ok {
		r.fail("include is not known to this GitLab")
	}
	f := File{Stages: r.list("stages", top["stages"]), Variables: r.variables("variables", top["variables"])}
	if len(f.Stages) == 0 {
		f.Stages = []string{"build", "test", "deploy"}
	}
	f.Stages = append(append([]string{".pre"}, f.Stages...), ".post")
	if workflow, ok := top["workflow"].(map[string]any); ok {
		f.Name = text(workflow["name"])
		f.Rules = r.rules("workflow", workflow["rules"])
	}
	defaults := map[string]any{"image": top["image"], "before_script": top["before_script"], "after_script": top["after_script"]}
	if more, ok := top["default"].(map[string]any); ok {
		maps.Copy(defaults, more)
	}
	for _, item := range order {
		name := text(item.Key)
		if global(name) || strings.HasPrefix(name, ".") {
			continue
		}
		f.Jobs = append(f.Jobs, r.job(name, top[name], defaults, f.Stages))
	}
	slices.SortStableFunc(f.Jobs, func(a, b Job) int { return slices.Index(f.Stages, a.Stage) - slices.Index(f.Stages, b.Stage) })
	return f
}

func (r *reader) job(name string, value any, defaults map[string]any, stages []string) Job {
	keys, ok := value.(map[string]any)
	if !ok {
		r.fail("jobs:%s config should be a hash", name)
		return Job{}
	}
	at := "jobs:" + name
	for _, key := range unknown() {
		if _, ok := keys[key]; ok {
			r.fail("%s: %s is not known to this GitLab", at, key)
		}
	}
	r.when(at, text(keys["when"]), "on_success", "never")
	get := func(key string) any {
		if v, ok := keys[key]; ok {
			return v
		}
		return defaults[key]
	}
	j := Job{
		Name: name, Stage: text(keys["stage"]), Image: r.named("name", get("image")), Environment: r.named("name", keys["environment"]),
		Tags: r.list(at+":tags", get("tags")), After: r.list(at+":after_script", get("after_script")),
		Variables: r.variables(at+":variables", keys["variables"]), Timeout: r.duration(at+":timeout", get("timeout")),
		When: text(keys["when"]), Rules: r.rules(at, keys["rules"]),
	}
	j.AllowFail, _ = keys["allow_failure"].(bool)
	if j.Stage == "" {
		j.Stage = "test"
	}
	if !slices.Contains(stages, j.Stage) {
		r.fail("%s job: chosen stage %s does not exist; available stages are %s", name, j.Stage, strings.Join(stages, ", "))
	}
	script := r.list(at+":script", keys["script"])
	if len(script) == 0 {
		r.fail("%s config should implement the script:, run:, or trigger: keyword", at)
	}
	j.Script = append(r.list(at+":before_script", get("before_script")), script...)
	return j
}
