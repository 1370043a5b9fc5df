// Package ci reads a .gitlab-ci.yml: which jobs it has, in which stages, with
// which variables, and what a job's environment is in the end. It is pure.
//
// It knows the keys that a job's script and environment depend on: stages,
// default, image, tags, before_script, script, after_script, variables (with
// expand), timeout, environment, allow_failure, when, rules:if, workflow:name
// and workflow:rules. What would change whether a job runs, or with what, and is not
// known here is refused: include, extends, needs, only, manual jobs and the
// like. Any other key is taken and changes nothing.
package ci
