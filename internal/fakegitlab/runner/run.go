package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// Order is a job to run.
type Order struct {
	// Dir is made for the job and is gone after it.
	Dir string
	// Script and After run in a shell each.
	Script, After []string
	// Env is the whole environment, PATH and HOME apart; Files are variables
	// whose value is in a file.
	Env, Files map[string]string
	Masked     []string
	Timeout    time.Duration
	Grace      time.Duration
	// Repository is where the commit SHA is fetched from; empty clones nothing.
	Repository, SHA, Depth string
	// Origin is what the clone calls origin.
	Origin string
}

// How a job ends.
const (
	Succeeded = "succeeded"
	Failed    = "failed"
	TimedOut  = "timed out"
	Canceled  = "canceled"
	Broken    = "broken" // the runner could not do its part
)

// afterTimeout bounds after_script.
const afterTimeout = 5 * time.Minute

// ProjectDir is where a job's script starts.
func (o Order) ProjectDir() string { return filepath.Join(o.Dir, "project") }

// Run runs a job and says how it ended. The trace is not closed.
func Run(ctx context.Context, o Order, to io.Writer) string {
	t := newTrace(to, o.Masked)
	defer t.close()
	defer os.RemoveAll(o.Dir) //nolint:errcheck // what stays is in the runner's own directory
	if err := o.prepare(ctx, t); err != nil {
		if ctx.Err() != nil {
			return Canceled
		}
		t.say("\x1b[31;1mERROR: Job failed (system failure): %s\x1b[0;m", err)
		return Broken
	}
	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	err := o.shell(limited, "script", o.Script, t)
	outcome := o.outcome(ctx, limited, err, t)
	if len(o.After) > 0 && ctx.Err() == nil {
		t.say("Running after_script")
		after, cancel := context.WithTimeout(ctx, afterTimeout)
		defer cancel()
		if err := o.shell(after, "after_script", o.After, t); err != nil {
			t.say("\x1b[0;33mWARNING: after_script failed, but job will continue unaffected: %s\x1b[0;m", err)
		}
	}
	return outcome
}

// outcome says in the trace how the script ended.
func (o Order) outcome(ctx, limited context.Context, err error, t *trace) string {
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return Canceled
	case limited.Err() != nil:
		t.say("\x1b[31;1mERROR: Job failed: execution took longer than %s seconds\x1b[0;m", o.Timeout)
		return TimedOut
	case err == nil:
		t.say("\x1b[32;1mJob succeeded\x1b[0;m")
		return Succeeded
	case errors.As(err, &exit):
		t.say("\x1b[31;1mERROR: Job failed: exit code %d\x1b[0;m", exit.ExitCode())
		return Failed
	}
	t.say("\x1b[31;1mERROR: Job failed (system failure): %s\x1b[0;m", err)
	return Broken
}

// prepare makes the directories and fetches the repository.
func (o Order) prepare(ctx context.Context, t *trace) error {
	for _, dir := range []string{"project", "home", "tmp", "files"} {
		if err := os.MkdirAll(filepath.Join(o.Dir, dir), 0o700); err != nil {
			return fmt.Errorf("make %s: %w", dir, err)
		}
	}
	for name, value := range o.Files {
		if err := os.WriteFile(o.file(name), []byte(value), 0o600); err != nil {
			return fmt.Errorf("write the variable %s: %w", name, err)
		}
	}
	if o.Repository == "" {
		t.say("Skipping Git repository setup")
		return nil
	}
	t.say("Fetching changes...")
	fetch := []string{"fetch", "--quiet"}
	if o.Depth != "" && o.Depth != "0" {
		fetch = append(fetch, "--depth", o.Depth)
	}
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"remote", "add", "origin", o.Origin},
		append(fetch, "file://"+o.Repository, o.SHA),
		{"checkout", "--quiet", "--detach", o.SHA},
	} {
		cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // a repository of ours at a commit of it
		cmd.Dir, cmd.Env = o.ProjectDir(), o.environ()
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w: %s", args[0], err, out)
		}
	}
	t.say("Checking out %s as detached HEAD...", o.SHA[:8])
	return nil
}

func (o Order) file(name string) string { return filepath.Join(o.Dir, "files", name) }

// environ is the whole environment of the job.
func (o Order) environ() []string {
	env := map[string]string{"PATH": os.Getenv("PATH"), "HOME": filepath.Join(o.Dir, "home")}
	maps.Copy(env, o.Env)
	for name := range o.Files {
		env[name] = o.file(name)
	}
	out := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out = append(out, name+"="+env[name])
	}
	return out
}

// shell runs commands in a bash of their own, until they end or ctx does.
func (o Order) shell(ctx context.Context, name string, commands []string, t *trace) error {
	file := filepath.Join(o.Dir, "tmp", name)
	if err := os.WriteFile(file, []byte(script(commands)), 0o600); err != nil {
		return fmt.Errorf("write the script: %w", err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "/bin/bash", file) //nolint:gosec // running the job's script is what this is for
	cmd.Dir, cmd.Env = o.ProjectDir(), o.environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return o.watch(ctx, cmd, t)
}

// watch starts a process group, passes its output on and sees to its end.
func (o Order) watch(ctx context.Context, cmd *exec.Cmd, t *trace) error {
	out, in, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	defer out.Close() //nolint:errcheck // read to its end
	cmd.Stdout, cmd.Stderr = in, in
	err = cmd.Start()
	_ = in.Close()
	if err != nil {
		return fmt.Errorf("start the shell: %w", err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(t, out) // ends with the last writer, or is cut below
	}()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	err = o.end(ctx, cmd.Process.Pid, ended)
	// A process that left the group may hold the pipe; its output is no longer
	// the job's.
	cut := time.AfterFunc(time.Second, func() { _ = out.Close() })
	<-read
	cut.Stop()
	return err
}

// end waits for the shell, hurries it where ctx ends first, and kills what is
// left of its group.
func (o Order) end(ctx context.Context, group int, ended <-chan error) error {
	defer func() { _ = syscall.Kill(-group, syscall.SIGKILL) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	_ = syscall.Kill(-group, syscall.SIGTERM)
	timer := time.NewTimer(o.Grace)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
	}
	_ = syscall.Kill(-group, syscall.SIGKILL)
	return <-ended
}
