package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a command that runs beside the test, and what it says.
type process struct {
	cmd *exec.Cmd
	// out is what it prints, err what it complains about.
	out, err buffer
	// ended is closed when it is gone.
	ended chan struct{}
}

// buffer may be read while a process writes.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// launch starts the binary. It is killed when the test ends.
func launch(tb testing.TB, dir string, env []string, binary string, args ...string) *process {
	tb.Helper()
	p := &process{cmd: exec.Command(binary, args...), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = dir, append(cleanEnv(), env...), &p.out, &p.err
	p.cmd.WaitDelay = time.Second // grandchildren may keep the pipes
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
	}()
	tb.Cleanup(p.kill)
	return p
}

// cleanEnv is the environment without what would configure a duolog.
func cleanEnv() []string {
	var out []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "DUOLOG_") || strings.HasPrefix(v, "DUOLOG_MAVEN_URL=") {
			out = append(out, v)
		}
	}
	return out
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// killed says whether it ended by SIGKILL.
func (p *process) killed() bool {
	<-p.ended
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// await waits for its end and is the exit code.
func (p *process) await(tb testing.TB, most time.Duration) int {
	tb.Helper()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-timer.C:
		tb.Fatalf("%v did not end within %s\n%s%s", p.cmd.Args, most, p.out.String(), p.err.String())
		return -1
	}
}

// said waits until it has printed something.
func (p *process) said(tb testing.TB, what string) {
	tb.Helper()
	eventually(tb, 20*time.Second, func() error {
		switch {
		case strings.Contains(p.out.String(), what):
			return nil
		case !p.alive():
			return final{errors.New("it ended before it said " + what + "\n" + p.out.String() + p.err.String())}
		}
		return errors.New("it has not said " + what + "\n" + p.out.String() + p.err.String())
	})
}

// result is what a command that ended came to.
type result struct {
	out, err string
	code     int
	took     time.Duration
}

// command runs the plain binary to its end.
func command(tb testing.TB, dir string, env []string, args ...string) result {
	tb.Helper()
	began := time.Now()
	p := launch(tb, dir, env, duolog(tb), args...)
	code := p.await(tb, 90*time.Second)
	return result{p.out.String(), p.err.String(), code, time.Since(began)}
}

// final is an error that waiting does not cure.
type final struct{ error }

// eventually tries until there is no error.
func eventually(tb testing.TB, most time.Duration, try func() error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), most) // also while the test is cleaned up
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		if errors.As(err, &final{}) {
			tb.Fatal(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			tb.Fatalf("not within %s: %v", most, err)
		}
	}
}
