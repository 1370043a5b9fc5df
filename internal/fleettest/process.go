package fleettest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a command that runs beside the test, and what it says.
type Process struct {
	Cmd *exec.Cmd
	// out is what it prints, err what it complains about.
	Out, Err buffer
	// ended is closed when it is gone.
	Ended chan struct{}
}

// buffer may be read while a process writes.
type buffer struct {
	Mu sync.Mutex
	B  bytes.Buffer
}

// Write takes what the process prints.
func (b *buffer) Write(p []byte) (int, error) {
	b.Mu.Lock()
	defer b.Mu.Unlock()
	return b.B.Write(p)
}

// String is what was printed so far.
func (b *buffer) String() string {
	b.Mu.Lock()
	defer b.Mu.Unlock()
	return b.B.String()
}

// Launch starts the binary. It is killed when the test ends.
func Launch(tb testing.TB, dir string, env []string, binary string, args ...string) *Process {
	tb.Helper()
	p := &Process{Cmd: exec.Command(binary, args...), Ended: make(chan struct{})}
	p.Cmd.Dir, p.Cmd.Env, p.Cmd.Stdout, p.Cmd.Stderr = dir, append(CleanEnv(), env...), &p.Out, &p.Err
	p.Cmd.WaitDelay = time.Second // grandchildren may keep the pipes
	if err := p.Cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		defer close(p.Ended)
		_ = p.Cmd.Wait()
	}()
	tb.Cleanup(p.Kill)
	return p
}

// CleanEnv is the environment without what would configure a duolog.
func CleanEnv() []string {
	var out []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "DUOLOG_") && !strings.HasPrefix(v, "OTEL_") || strings.HasPrefix(v, "DUOLOG_MAVEN_URL=") {
			out = append(out, v)
		}
	}
	return out
}

// Kill is kill -9.
func (p *Process) Kill() {
	_ = p.Cmd.Process.Kill()
	<-p.Ended
}

// Alive says whether the process has not ended.
func (p *Process) Alive() bool {
	select {
	case <-p.Ended:
		return false
	default:
		return true
	}
}

// Killed says whether it ended by SIGKILL.
func (p *Process) Killed() bool {
	<-p.Ended
	status, ok := p.Cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// Await waits for its end and is the exit code.
func (p *Process) Await(tb testing.TB, most time.Duration) int {
	tb.Helper()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-p.Ended:
		return p.Cmd.ProcessState.ExitCode()
	case <-timer.C:
		tb.Fatalf("%v did not end within %s\n%s%s", p.Cmd.Args, most, p.Out.String(), p.Err.String())
		return -1
	}
}

// Said waits until it has printed something.
func (p *Process) Said(tb testing.TB, what string) {
	tb.Helper()
	Eventually(tb, 20*time.Second, func() error {
		switch {
		case strings.Contains(p.Out.String(), what):
			return nil
		case !p.Alive():
			return FinalError{errors.New("it ended before it said " + what + "\n" + p.Out.String() + p.Err.String())}
		}
		return errors.New("it has not said " + what + "\n" + p.Out.String() + p.Err.String())
	})
}

// Result is what a command that ended came to.
type Result struct {
	Out, Err string
	Code     int
	Took     time.Duration
}

// Command runs the plain binary to its end.
func Command(tb testing.TB, dir string, env []string, args ...string) Result {
	tb.Helper()
	began := time.Now()
	p := Launch(tb, dir, env, Duolog(tb), args...)
	code := p.Await(tb, 90*time.Second)
	return Result{p.Out.String(), p.Err.String(), code, time.Since(began)}
}
