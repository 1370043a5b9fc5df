package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// product is a running duolog dev.
type product struct {
	API      string   `json:"api"`
	Brokers  []string `json:"brokers"`
	Prefix   string   `json:"prefix"`
	Database string   `json:"database"`

	token   string
	pprof   string
	command *exec.Cmd
	ended   chan error
}

const startTimeout = 2 * time.Minute

// startProduct builds the binary and runs it on free ports, with its state in
// dir. Its log and database are the baselines' as well.
func startProduct(ctx context.Context, dir string, profiled bool) (*product, error) {
	binary := filepath.Join(dir, "duolog")
	build := []string{"build", "-o", binary}
	p := &product{ended: make(chan error, 1)}
	if profiled {
		build, p.pprof = append(build, "-tags", "pprof"), filepath.Join(dir, "pprof.sock")
	}
	if said, err := exec.CommandContext(ctx, "go", append(build, "./cmd/duolog")...).CombinedOutput(); err != nil { //nolint:gosec // our own arguments
		return nil, fmt.Errorf("build duolog: %w\n%s", err, said)
	}
	state := filepath.Join(dir, "state")
	p.command = exec.Command(binary, "dev", "--state-dir", state, "--listen", "127.0.0.1:0", //nolint:gosec,noctx // what we built; stopped by stop, with time to end
		"--log-listen", "127.0.0.1:0", "--database-listen", "127.0.0.1:0", "--log-level", "error")
	var said bytes.Buffer
	p.command.Stderr = &said
	p.command.Dir = dir
	p.command.Env = append(os.Environ(), "DUOLOG_PPROF="+p.pprof)
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start duolog: %w", err)
	}
	go func() { p.ended <- p.command.Wait() }()
	if err := p.await(ctx, state); err != nil {
		_ = p.stop()
		return nil, fmt.Errorf("start duolog: %w\n%s", err, said.String())
	}
	return p, nil
}

// await returns when the product says that it is ready.
func (p *product) await(ctx context.Context, state string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case err := <-p.ended:
			p.ended <- err
			return fmt.Errorf("it ended: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		}
		if p.known(state) && p.ready(ctx) {
			return nil
		}
	}
}

// known reads what duolog dev leaves for its tools.
func (p *product) known(state string) bool {
	token, err := os.ReadFile(filepath.Join(state, "token")) //nolint:gosec // below our own directory
	if err != nil {
		return false
	}
	b, err := os.ReadFile(filepath.Join(state, "connection.json")) //nolint:gosec // below our own directory
	p.token = strings.TrimSpace(string(token))
	return err == nil && json.Unmarshal(b, p) == nil && p.API != ""
}

func (p *product) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.API+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close() //nolint:errcheck // nothing of it is wanted
	return resp.StatusCode == http.StatusOK
}

// stop ends the product as Ctrl-C does.
func (p *product) stop() error {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	if err := <-p.ended; err != nil {
		return fmt.Errorf("duolog ended: %w", err)
	}
	return nil
}

// create makes a workflow that is not started and returns its number.
func (p *product) create(ctx context.Context) (int64, error) {
	body, err := p.post(ctx, workflowsPath, []byte(`{"goal":"be measured"}`))
	if err != nil {
		return 0, err
	}
	var made struct {
		ID int64 `json:"id"`
	}
	if err := json.Unmarshal(body, &made); err != nil {
		return 0, fmt.Errorf("create a workflow: %w", err)
	}
	return made.ID, nil
}

const workflowsPath = "/api/v4/ai/duo_workflows/workflows"

// post sends one request, outside of what is measured for throughput.
func (p *product) post(ctx context.Context, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.API+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("POST %s: %w", path, err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("POST %s: %w", path, err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(resp.Body); err != nil {
		return nil, fmt.Errorf("POST %s: %w", path, err)
	}
	if resp.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("POST %s: %s: %s", path, resp.Status, answer.Bytes())
	}
	return answer.Bytes(), nil
}
