package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/duolog/duolog/handlers/engine"
)

const tailBytes = 4 << 10

// view is one look at a run directory.
type view struct {
	state      engine.State
	supervisor process
	// program is zero before it started, or if it never did.
	program process
	exit    exit
	node    string
}

// look says how the run stands. Who is alive is asked before exit.json is read:
// the other way round, a run that ends in between would look lost.
func (d runDir) look() (view, error) {
	v := view{state: engine.StateUnknown}
	claimed, err := d.read(fileClaim, &v.supervisor)
	if err != nil || !claimed {
		return v, err
	}
	var s spec
	if _, err := d.read(fileSpec, &s); err != nil {
		return v, err
	}
	v.node = s.Node
	if _, err := d.read(filePID, &v.program); err != nil {
		return v, err
	}
	alive := v.supervisor.alive() || v.program.alive()
	exited, err := d.read(fileExit, &v.exit)
	if err != nil {
		return v, err
	}
	v.state = engine.StateFinished
	switch {
	case exited:
	case alive:
		v.state = engine.StateRunning
	default:
		v.exit = d.lost()
	}
	return v, nil
}

// lost is the outcome of a run whose supervisor and program both vanished. Where
// a stop had been asked for, that is why.
func (d runDir) lost() exit {
	if d.has(fileStop) {
		return exit{Status: engine.StatusStopped, Reason: engine.ReasonStopped}
	}
	return exit{Status: engine.StatusFailed, Reason: engine.ReasonLost, Detail: "the process ended and nobody saw how"}
}

func (d runDir) workload(v view) engine.Workload {
	if v.state == engine.StateUnknown {
		return engine.Workload{}
	}
	pid := v.program.PID
	if pid == 0 {
		pid = v.supervisor.PID
	}
	detail := "log " + d.path(fileLog)
	if v.exit.Detail != "" {
		detail = v.exit.Detail + "; " + detail
	}
	return engine.Workload{ID: fmt.Sprintf("pid %d@%s", pid, v.node), Detail: detail}
}

func (d runDir) finished(v view) (engine.Finished, error) {
	var s spec
	if ok, err := d.read(fileSpec, &s); err != nil || !ok {
		return engine.Finished{}, errors.Join(fmt.Errorf("run %s has no spec", d), err)
	}
	tail, err := d.tail()
	if err != nil {
		return engine.Finished{}, err
	}
	if tail == "" {
		tail = v.exit.Detail
	}
	return engine.Finished{
		Tenant: s.Tenant, Workflow: s.Workflow, RunID: s.RunID, Epoch: s.Epoch,
		WorkloadID: d.workload(v).ID,
		Status:     v.exit.Status, Reason: v.exit.Reason, ExitCode: v.exit.ExitCode,
		LogTail: tail, Used: v.exit.Used,
	}, nil
}

// tail is the last 4 KiB of the log as text: cut at a rune, without what is no
// UTF-8 and without NUL, which no database column of text takes.
func (d runDir) tail() (string, error) {
	f, err := os.Open(d.path(fileLog))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read log: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("read log: %w", err)
	}
	body, err := io.ReadAll(io.NewSectionReader(f, max(0, info.Size()-tailBytes), tailBytes))
	if err != nil {
		return "", fmt.Errorf("read log: %w", err)
	}
	for cut := 0; cut < utf8.UTFMax && len(body) > 0 && !utf8.RuneStart(body[0]); cut++ {
		body = body[1:]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(string(body), ""), "\x00", ""), nil
}
