package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/engine"
)

// runDir is the directory of one run: all that is known of it.
type runDir string

const (
	fileSpec     = "spec.json"
	fileClaim    = "claim"
	filePID      = "pid"
	fileLog      = "log"
	fileStop     = "stop"
	fileExit     = "exit.json"
	fileReported = "reported"
)

// spec says whose run a directory holds.
type spec struct {
	Tenant   domain.Tenant `json:"tenant"`
	Workflow uuid.UUID     `json:"workflow"`
	Number   int64         `json:"number"`
	RunID    uuid.UUID     `json:"run_id"`
	Epoch    int           `json:"epoch"`
	Mode     string        `json:"mode"`
	Node     string        `json:"node"`
}

// exit is what the supervisor saw.
type exit struct {
	Status   string `json:"status"`
	Reason   string `json:"reason,omitempty"`
	ExitCode *int   `json:"exit_code,omitempty"`
	// Detail is one line for people: the signal, the error of the start.
	Detail string `json:"detail,omitempty"`
	// Used is what the program used, and what it waited for.
	Used workflow.Compute `json:"used,omitzero"`
}

func (d runDir) path(name string) string { return filepath.Join(string(d), name) }

func (d runDir) has(name string) bool {
	_, err := os.Stat(d.path(name))
	return err == nil
}

// create makes the directory with its spec. The first spec stays.
func (d runDir) create(s engine.Start, node string) error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return fmt.Errorf("create run directory: %w", err)
	}
	_, err := d.link(fileSpec, spec{
		Tenant: s.Tenant, Workflow: s.Workflow, Number: s.Number,
		RunID: s.RunID, Epoch: s.Epoch, Mode: s.Mode, Node: node,
	})
	return err
}

// link writes the file complete and only if it is not there: it says whether
// this call made it. Readers see all of it or nothing.
func (d runDir) link(name string, content any) (bool, error) {
	tmp, err := d.temp(name, content)
	if err != nil {
		return false, err
	}
	defer func() { _ = os.Remove(tmp) }()
	err = os.Link(tmp, d.path(name))
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("write %s: %w", name, err)
	}
	return true, nil
}

// replace writes the file complete, over what is there.
func (d runDir) replace(name string, content any) error {
	tmp, err := d.temp(name, content)
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, d.path(name)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (d runDir) temp(name string, content any) (path string, err error) {
	body, err := json.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	f, err := os.CreateTemp(string(d), "."+name+"-*")
	if err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	_, werr := f.Write(append(body, '\n'))
	if err := errors.Join(werr, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	return f.Name(), nil
}

// read fills into from the file; false without an error means it is not there.
func (d runDir) read(name string, into any) (bool, error) {
	body, err := os.ReadFile(d.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", name, err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return false, fmt.Errorf("read %s: %w", d.path(name), err)
	}
	return true, nil
}

func (d runDir) touch(name string) error {
	f, err := os.OpenFile(d.path(name), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return f.Close()
}

func (d runDir) openLog() (*os.File, error) {
	f, err := os.OpenFile(d.path(fileLog), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return f, nil
}
