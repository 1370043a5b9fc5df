package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
)

// process is a child that somebody waits for from the start, so that it never stays a zombie.
type process struct {
	cmd      *exec.Cmd
	exited   chan struct{} // closed when the child has ended
	err      error         // how it ended; read it after exited
	stopping atomic.Bool   // set before we end it ourselves
}

// startProcess starts cmd in a process group of its own: Ctrl-C on the terminal reaches this process
// first, which then stops the child in order. Where the system can, it sends onDeath to the child when
// this process dies.
func startProcess(cmd *exec.Cmd, onDeath syscall.Signal) (*process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	signalOnDeath(cmd.SysProcAttr, onDeath)
	p := &process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// run starts the child and waits for it on one thread: to the kernel, the parent whose death counts is
// the thread, and Go ends idle threads.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.exited)
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	if p.err == nil {
		p.err = errors.New("exit status 0")
	}
}

func (p *process) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// stop signals the child and waits for its end; when ctx ends, it insists.
func (p *process) stop(ctx context.Context, mode StopMode) error {
	p.stopping.Store(true)
	if err := p.signal(mode.signal()); err != nil {
		return err
	}
	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
	}
	// The server kills what does not follow an immediate stop within five seconds, then ends.
	if err := p.signal(Immediate.signal()); err != nil {
		return err
	}
	<-p.exited
	return nil
}

func (p *process) signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s to process %d: %w", sig, p.cmd.Process.Pid, err)
	}
	return nil
}
