package savers

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The languages, by their folder in bench/langgraph.
const (
	Python     = "python"
	JavaScript = "javascript"
)

// The savers that a program knows. Unlocked is AsyncPostgresSaver without the lock
// that serialises its pool; only Python has it.
const (
	Stock    = "stock"
	Unlocked = "unlocked"
	Duolog   = "duolog"
)

// Stores is where the savers of a program write to.
type Stores struct {
	// Database is the stock savers' own.
	Database string
	// Address is host:port of a node, Token one of its tenant.
	Address, Token string
	// Random and English are files of text that new bytes are cut from.
	Random, English string
}

// Program is a running one. It belongs to one goroutine at a time.
type Program struct {
	Language string

	command *exec.Cmd
	input   io.WriteCloser
	answers *bufio.Reader
	said    bytes.Buffer
}

// ErrNotHere says that this machine lacks what a language needs.
var ErrNotHere = errors.New("is not installed")

// Start installs what the program needs, unless it is there, and starts it.
func Start(ctx context.Context, language string, stores Stores) (*Program, error) {
	for _, name := range map[string][]string{Python: {"python3"}, JavaScript: {"node", "npm"}}[language] {
		if _, err := exec.LookPath(name); err != nil {
			return nil, fmt.Errorf("%s %w", name, ErrNotHere)
		}
	}
	setup := exec.CommandContext(ctx, filepath.Join("bench", "langgraph", language, "setup")) //nolint:gosec // ours
	var said bytes.Buffer
	setup.Stderr = &said
	words, err := setup.Output()
	if err != nil {
		return nil, fmt.Errorf("install what %s needs: %w\n%s", language, err, said.Bytes())
	}
	argv := strings.Split(strings.TrimSpace(string(words)), "\n")
	p := &Program{Language: language, command: exec.CommandContext(ctx, argv[0], argv[1:]...)} //nolint:gosec // what the script installed
	p.command.Stderr = &p.said
	p.command.Env = append(os.Environ(), "STOCK_DATABASE="+stores.Database, "DUOLOG_URL=http://"+stores.Address, "DUOLOG_TOKEN="+stores.Token,
		"BENCH_RANDOM="+stores.Random, "BENCH_ENGLISH="+stores.English)
	return p, p.start()
}

func (p *Program) start() error {
	var err error
	if p.input, err = p.command.StdinPipe(); err != nil {
		return fmt.Errorf("start %s: %w", p.Language, err)
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start %s: %w", p.Language, err)
	}
	p.answers = bufio.NewReader(out)
	if err := p.command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Language, err)
	}
	return nil
}

// Args are what a program is asked; "do" names it.
type Args map[string]any

// Answer is what it says; which fields are set depends on what was asked.
type Answer struct {
	Error  string    `json:"error"`
	Savers []string  `json:"savers"`
	Thread string    `json:"thread"`
	Times  []float64 `json:"times"`
	Rate   float64   `json:"rate"`
}

// Do asks for one measurement and waits for it.
func (p *Program) Do(args Args) (a Answer, err error) {
	line, err := json.Marshal(args)
	if err != nil {
		return a, fmt.Errorf("ask %s: %w", p.Language, err)
	}
	if _, err := p.input.Write(append(line, '\n')); err != nil {
		return a, fmt.Errorf("ask %s: %w\n%s", p.Language, err, p.said.Bytes())
	}
	said, err := p.answers.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(said, &a)
	}
	if err != nil {
		return a, fmt.Errorf("%s did not answer %s: %w\n%s", p.Language, line, err, p.said.Bytes())
	}
	if a.Error != "" {
		return a, fmt.Errorf("%s failed at %s:\n%s", p.Language, line, a.Error)
	}
	return a, nil
}

// Close ends the program.
func (p *Program) Close() error {
	_ = p.input.Close()
	if err := p.command.Wait(); err != nil {
		return fmt.Errorf("%s ended: %w\n%s", p.Language, err, p.said.Bytes())
	}
	return nil
}
