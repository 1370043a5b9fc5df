// Command duolog is the whole product in one binary: a development system that
// needs nothing installed, the server, and the tools of its users and operators.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/duolog/duolog/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], app{stdin: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv, now: time.Now})
	stop()
	os.Exit(code)
}

// app is what the process gives its commands: nothing else reads the clock,
// the environment or the standard streams.
type app struct {
	stdin  io.Reader
	out    io.Writer
	err    io.Writer
	getenv func(string) string
	now    func() time.Time
}

func (a app) lookup(name string) (string, bool) {
	value := a.getenv(name)
	return value, value != ""
}

// cli is the grammar.
type cli struct {
	Dev          devCmd          `cmd:"" help:"Run everything on this machine, with an embedded log and database."`
	Serve        serveCmd        `cmd:"" help:"Run a node over the log and the database of a real deployment."`
	Ask          askCmd          `cmd:"" help:"Send a message to the agent, follow the thread, print the answer."`
	Workflow     workflowCmd     `cmd:"" help:"Start, show, list and stop workflows."`
	Flow         flowCmd         `cmd:"" help:"The flows there are, what each resolves to, and which are on."`
	Conversation conversationCmd `cmd:"" help:"Threads: what became of each message, and refused ones again."`
	Delivery     deliveryCmd     `cmd:"" help:"What goes out to surfaces and hooks: list it, look at its attempts, send it again."`
	Access       accessCmd       `cmd:"" help:"Who may do what, by which rule."`
	Token        tokenCmd        `cmd:"" help:"Make, list and revoke tokens, and exchange the key that signs those of runs."`
	Events       eventsCmd       `cmd:"" help:"Follow what happens to everything of the tenant."`
	Directory    directoryCmd    `cmd:"" help:"Who is who and what is switched on where, as a whole."`
	Namespace    namespaceCmd    `cmd:"" help:"Groups and projects."`
	User         userCmd         `cmd:"" help:"Users."`
	Member       memberCmd       `cmd:"" help:"Who may do how much where."`
	Flag         flagCmd         `cmd:"" help:"Feature flags of groups and projects."`
	Journal      journalCmd      `cmd:"" help:"Set up, read and check the log."`
	Projection   projectionCmd   `cmd:"" help:"Look after the read models that derive from the log."`
	Doctor       doctorCmd       `cmd:"" help:"Check everything and name the one thing to do next."`
	FakeGitLab   fakeGitLabCmd   `cmd:"" name:"fake-gitlab" help:"Run a GitLab to try things on, with real repositories and a real runner."`
	Config       configCmd       `cmd:"" help:"Help with the configuration."`
	Completion   completionCmd   `cmd:"" help:"Print what makes a shell complete commands and flags."`
	Man          manCmd          `cmd:"" help:"Print the manual page."`
	Version      versionCmd      `cmd:"" help:"Print the version."`

	Complete        completeCmd  `cmd:"" hidden:"" help:"Say what may stand in place of the last word."`
	EngineSupervise superviseCmd `cmd:"" hidden:"" help:"Watch over one run of the local engine."`
	DemoAgent       demoAgentCmd `cmd:"" hidden:"" help:"Be the demo agent of one run."`
}

func run(ctx context.Context, args []string, a app) int {
	var grammar cli
	exited := -1
	parser, err := kong.New(&grammar,
		kong.Name("duolog"), kong.Description("An event-sourced back-end for AI-agent workflows on a durable log."),
		kong.Writers(a.out, a.err), kong.UsageOnError(), kong.Exit(func(code int) { exited = code }),
		kong.Configuration(config.Loader(a.lookup)), kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Bind(a), kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		return a.fail(err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		return a.fail(usageError{err})
	}
	if err := command.Run(); err != nil {
		return a.fail(err)
	}
	return 0
}

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// silent ends the process with a failure that was told already.
type silent struct{}

func (silent) Error() string { return "failed" }

// fail prints an error as people should meet it, and is the exit code.
func (a app) fail(err error) int {
	what, fix := explain(err)
	switch {
	case errors.Is(err, context.Canceled), errors.As(err, &silent{}):
		return 1
	case fix == "":
		_, _ = fmt.Fprintln(a.err, "duolog:", indent(what))
	default:
		_, _ = fmt.Fprintf(a.err, "duolog: %s\n        fix: %s\n", indent(what), indent(fix))
	}
	if errors.As(err, &usageError{}) {
		return 2
	}
	return 1
}

func indent(s string) string { return strings.ReplaceAll(s, "\n", "\n        ") }
