package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/alecthomas/kong"

	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/embedded"
)

// checkConfiguration reads the file as duolog serve would.
func checkConfiguration(_ context.Context, p *patient) []finding {
	const name = "configuration file"
	if p.flags.File == "" {
		return nil
	}
	cfg, err := p.readConfiguration()
	if err != nil {
		return []finding{wrong(name, err.Error(), "put it right in "+string(p.flags.File)+"; duolog config example prints a file with every setting explained")}
	}
	p.file = &cfg
	return []finding{well(name, string(p.flags.File))}
}

func (p *patient) readConfiguration() (config.Config, error) {
	var grammar struct{ config.Config }
	parser, err := kong.New(&grammar, kong.Configuration(config.Loader(p.app.lookup)))
	if err != nil {
		return config.Config{}, err
	}
	args := []string{"--config", string(p.flags.File)}
	if usual, err := filepath.Abs(".duolog"); err == nil && p.flags.State != usual { // not what is taken when nobody says
		args = append(args, "--state-dir", p.flags.State)
	}
	if _, err := parser.Parse(args); err != nil {
		return config.Config{}, err
	}
	host, _ := os.Hostname()
	defaults := config.Serve(grammar.StateDir)
	defaults.NodeID = host
	if err := demoAgent(&defaults); err != nil {
		return config.Config{}, err
	}
	return grammar.Resolve(defaults)
}

// noFile is why a check of this machine was left out.
func (p *patient) noFile(name string) []finding {
	switch {
	case p.flags.File != "":
		return []finding{notLooked(name, "the configuration file comes first", "")}
	case p.where.API != "":
		return []finding{notLooked(name, "it was given to duolog dev alone", "")}
	}
	return []finding{notLooked(name, "no file names it", "duolog doctor --config FILE, on the machine of the node")}
}

// checkAPI looks at the address of a node: a node answers there and is ready, or,
// where a file names it, it is free for one.
func checkAPI(ctx context.Context, p *patient) []finding {
	switch {
	case p.where.API != "":
		return []finding{answersAt(ctx, p.where.API)}
	case p.file == nil:
		return p.noFile("API address")
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.file.Listen)
	if err != nil {
		return []finding{answersAt(ctx, "http://"+p.file.Listen)}
	}
	_ = l.Close() // only tried
	return []finding{well("API address "+p.file.Listen+" is free", "no node runs here")}
}

func answersAt(ctx context.Context, url string) finding {
	name := "API answers at " + url
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return failed(name, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return wrong(name, err.Error(), "start it: duolog dev, or duolog serve; if another program has the address, choose one with --listen")
	}
	defer res.Body.Close() //nolint:errcheck // only read
	var said struct{ Status, Message, Fix string }
	err = json.NewDecoder(res.Body).Decode(&said)
	switch {
	case err == nil && said.Status == "ready":
		return well(name, "")
	case err == nil && said.Message != "":
		return wrong(name, "it is not ready: "+said.Message, cmp.Or(said.Fix, "the lines above say why; its log says more"))
	}
	return wrong(name, "what answers there ("+res.Status+") is no node of Duolog", "stop it, or choose another address with --listen")
}

// checkKeystore looks at the file of tokens without opening it as a node does, which
// would make it.
func checkKeystore(_ context.Context, p *patient) []finding {
	const name = "tokens"
	file := filepath.Join(p.flags.State, "keystore.jsonl")
	switch {
	case p.file != nil:
		file = p.file.Keystore
	case p.where.API == "":
		return p.noFile(name)
	}
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return []finding{warn(name, "there is no "+file+" yet; a node makes an empty one", "if there were tokens, put the copy back: they are the one thing that the log does not hold")}
	}
	if err == nil {
		err = readable(file)
	}
	switch {
	case err != nil:
		return []finding{wrong(name, err.Error(), "let the user of the node own it: chown USER "+file)}
	case info.Mode().Perm()&0o077 != 0:
		return []finding{wrong(name, fmt.Sprintf("others may read %s (mode %04o); a node refuses it", file, info.Mode().Perm()), "chmod 600 "+file)}
	}
	return []finding{well(name, fmt.Sprintf("%s, mode %04o", file, info.Mode().Perm()))}
}

func readable(file string) error {
	f, err := os.Open(file) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	return f.Close()
}

// checkEngine looks for the program that the local engine starts.
func checkEngine(_ context.Context, p *patient) []finding {
	const name = "program of the local engine"
	if p.file == nil {
		return p.noFile(name)
	}
	program := p.file.EngineProgram[0]
	path, err := exec.LookPath(program)
	if err != nil {
		return []finding{wrong(name, "agents cannot be started: "+err.Error(), "install it on every node, executable for the user of the node, or name another one with engine_program")}
	}
	return []finding{well(name, path)}
}

// checkDisk looks at the disk that the embedded log of duolog dev is on.
func checkDisk(_ context.Context, p *patient) []finding {
	const name = "disk of the embedded log has room"
	if p.where.API == "" {
		return nil
	}
	if full := embedded.Full(filepath.Join(p.flags.State, "log")); full != nil {
		return []finding{wrong(name, full.Problem, full.Fix)}
	}
	return []finding{well(name, "")}
}
