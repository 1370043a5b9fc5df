package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/engine"
)

// order is what the server tells a supervisor, through its standard input: the
// only place where the run's environment stands outside the processes.
type order struct {
	Program []string      `json:"program"`
	Env     []string      `json:"env"`
	WorkDir string        `json:"work_dir"`
	Grace   time.Duration `json:"grace"`
	MaxLog  int64         `json:"max_log"`
}

// Supervise is the whole life of a supervisor: it claims the run in dir, starts
// the program that the order on in names, says on out that it did, waits and
// writes down the outcome. A run that is claimed already is left alone.
//
// It must be the only thing its process does. It outlives signals meant for the
// server: SIGTERM ends the program only if the run has been asked to stop.
// An error means that nothing was started.
func Supervise(dir string, in io.Reader, out io.Writer, now func() time.Time) error {
	// Notify, not Ignore: what is ignored stays ignored in the program.
	// SIGPIPE is taken too: the server may be gone before it is told.
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	defer signal.Stop(signals)

	var o order
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("supervise %s: read order: %w", dir, err)
	}
	self, err := identify(os.Getpid())
	if err != nil {
		return fmt.Errorf("supervise %s: %w", dir, err)
	}
	d := runDir(dir)
	// From here the run counts as started: a crash makes it lost, not startable.
	if won, err := d.link(fileClaim, self); err != nil || !won {
		return err
	}
	ended := d.execute(o, out, signals, now)
	if err := d.replace(fileExit, ended); err != nil {
		return fmt.Errorf("supervise %s: %w", dir, err)
	}
	return nil
}

func (d runDir) execute(o order, out io.Writer, signals <-chan os.Signal, now func() time.Time) exit {
	if d.has(fileStop) {
		return exit{Status: engine.StatusStopped, Reason: engine.ReasonStopped, Detail: "stopped before it started"}
	}
	p, err := d.launchSoon(o, launchPatience, now)
	if err != nil {
		return exit{Status: engine.StatusFailed, Reason: engine.ReasonStartFailed, Detail: err.Error()}
	}
	began := now()
	_, _ = io.WriteString(out, "started\n") // a server that is gone will read the directory
	ended := d.await(p, o.Grace, signals)
	ended.Used = used(p.cmd.ProcessState, now().Sub(began))
	return ended
}

// used is what the program used, with those of its children that it waited for.
func used(state *os.ProcessState, wall time.Duration) workflow.Compute {
	out := workflow.Compute{
		WallMS: wall.Milliseconds(), CPUMS: (state.UserTime() + state.SystemTime()).Milliseconds(), Job: fmt.Sprintf("pid %d", state.Pid()),
	}
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		out.MemoryBytes = usage.Maxrss * rssUnit()
	}
	return out
}

// rssUnit is what the most memory of a process is counted in.
func rssUnit() int64 {
	if runtime.GOOS == "darwin" {
		return 1
	}
	return 1024
}

// program is a started program and the copy of its output.
type program struct {
	cmd    *exec.Cmd
	output *os.File
	copied chan struct{}
}

// launchPatience is how long a program that is not there is waited for: longer than an
// upgrade takes to put a new one in its place, and soon enough to be told.
const launchPatience = time.Second

// launchSoon tries again for a while where the program may be there in a moment: it is
// being replaced by a newer one, or the machine is short of processes. Nothing was
// started by an attempt that failed.
func (d runDir) launchSoon(o order, patience time.Duration, now func() time.Time) (*program, error) {
	deadline := now().Add(patience)
	for {
		p, err := d.launch(o)
		if err == nil || !passing(err) || now().After(deadline) || d.has(fileStop) {
			return p, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// passing says that the same start may go well a moment later.
func passing(err error) bool {
	for _, e := range []syscall.Errno{syscall.ENOENT, syscall.ETXTBSY, syscall.EAGAIN, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (d runDir) launch(o order) (*program, error) {
	if len(o.Program) == 0 {
		return nil, errors.New("no program")
	}
	logFile, err := d.openLog()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open output: %w", err), logFile.Close())
	}
	cmd := exec.Command(o.Program[0], o.Program[1:]...) //nolint:gosec,noctx // the operator's program; a signal ends it, not a context
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = o.Env, o.WorkDir, w, w
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		return nil, errors.Join(err, r.Close(), logFile.Close())
	}
	p := &program{cmd: cmd, output: r, copied: make(chan struct{})}
	go p.copy(newLogWriter(logFile, o.MaxLog, o.Env), logFile)
	if self, err := identify(cmd.Process.Pid); err == nil {
		// Without this file the run still counts as running by its supervisor.
		_ = d.replace(filePID, self)
	}
	return p, nil
}

func (p *program) copy(w *logWriter, file *os.File) {
	defer close(p.copied)
	_, _ = io.Copy(w, p.output)
	w.Close()
	_ = file.Close()
}

// await ends with the program. Whatever the program leaves behind in its group
// ends with it: a run that is over has no process.
func (d runDir) await(p *program, grace time.Duration, signals <-chan os.Signal) exit {
	waited := make(chan struct{})
	go func() {
		_ = p.cmd.Wait() // its ProcessState says more
		close(waited)
	}()
	stopping := false
	var kill <-chan time.Time
	stop := func() {
		if !stopping && d.has(fileStop) {
			stopping, kill = true, time.After(grace)
			_ = signalGroup(p.cmd.Process.Pid, syscall.SIGTERM)
		}
	}
	stop() // asked between the claim and now
	for {
		select {
		case <-signals:
			stop()
		case <-kill:
			_ = signalGroup(p.cmd.Process.Pid, syscall.SIGKILL)
		case <-waited:
			_ = signalGroup(p.cmd.Process.Pid, syscall.SIGKILL)
			p.drain()
			return outcome(p.cmd.ProcessState, stopping)
		}
	}
}

// drain waits for the rest of the output, but not for a process that left the
// group and keeps the pipe open.
func (p *program) drain() {
	select {
	case <-p.copied:
	case <-time.After(2 * time.Second):
	}
	_ = p.output.Close()
	<-p.copied
}

func outcome(state *os.ProcessState, stopping bool) exit {
	var code *int
	if n := state.ExitCode(); n >= 0 {
		code = &n
	}
	switch {
	case stopping:
		return exit{Status: engine.StatusStopped, Reason: engine.ReasonStopped, ExitCode: code, Detail: state.String()}
	case state.Success():
		return exit{Status: engine.StatusSuccess, ExitCode: code}
	case code == nil:
		return exit{Status: engine.StatusFailed, Reason: engine.ReasonKilled, Detail: state.String()}
	default:
		return exit{Status: engine.StatusFailed, Reason: engine.ReasonExitCode, ExitCode: code, Detail: state.String()}
	}
}
