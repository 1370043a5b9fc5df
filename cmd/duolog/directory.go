package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/duolog/duolog/domain/directory"
	port "github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/directory/admin"
)

// directoryCmd are the tools of the directory as a whole.
type directoryCmd struct {
	Apply   directoryApplyCmd   `cmd:"" help:"Make the directory what a file says. Example: duolog directory apply -f directory.yaml --dry-run"`
	Export  directoryExportCmd  `cmd:"" help:"Print the file that makes it. Example: duolog directory export --at 2026-11-21T10:00:00Z > directory.yaml"`
	Show    directoryShowCmd    `cmd:"" help:"The groups and projects as a tree. Example: duolog directory show"`
	History directoryHistoryCmd `cmd:"" help:"What happened in a namespace, or to a user. Example: duolog directory history acme"`
	Check   directoryCheckCmd   `cmd:"" help:"What the tenant's directory, wherever it is, says of a user and a flow at a path. Example: duolog directory check acme/shop mia --flow developer/v1"`
}

type directoryApplyCmd struct {
	apiFlags

	File   string `short:"f" required:"" help:"The file, in YAML or JSON; - is standard input." placeholder:"FILE"`
	DryRun bool   `help:"Print the plan and change nothing."`
	Prune  bool   `help:"Take away what the lists in the file leave out; users are blocked."`
	Remove bool   `name:"remove-users" help:"With --prune, remove the users that the file leaves out instead of blocking them."`
}

// applyPatience is how long the client waits for a large document.
const applyPatience = 10 * time.Minute

// Run applies the file and prints the plan.
func (c directoryApplyCmd) Run(ctx context.Context, a app) error {
	doc, err := c.read(a)
	if err != nil {
		return err
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	api.http.Timeout = applyPatience
	query := url.Values{"dry_run": {fmt.Sprint(c.DryRun)}, "prune": {fmt.Sprint(c.Prune)}, "remove_users": {fmt.Sprint(c.Remove)}}
	var out struct {
		Applied bool         `json:"applied"`
		Steps   []admin.Step `json:"steps"`
	}
	if err := api.call(ctx, http.MethodPost, directoryPath+"/apply?"+query.Encode(), doc, &out); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(out)
	}
	paint := a.painter()
	for _, s := range out.Steps {
		if _, err := fmt.Fprintln(a.out, stepLine(paint, s)); err != nil {
			return err
		}
	}
	end := "nothing to do: it is so already"
	switch {
	case len(out.Steps) > 0 && out.Applied:
		end = fmt.Sprintf("%d changes were made", len(out.Steps))
	case len(out.Steps) > 0:
		end = fmt.Sprintf("%d changes would be made", len(out.Steps))
	}
	_, err = fmt.Fprintln(a.out, end)
	return err
}

func (c directoryApplyCmd) read(a app) (doc admin.Document, err error) {
	var raw []byte
	if c.File == "-" {
		raw, err = io.ReadAll(a.stdin)
	} else {
		raw, err = os.ReadFile(c.File)
	}
	if err != nil {
		return doc, problem{"the file cannot be read: " + err.Error(), "name one that is there"}
	}
	return readDocument(raw)
}

// stepLine is a step for people: + for what comes, ~ for what changes, - for what goes.
func stepLine(paint painter, s admin.Step) string {
	sign, colour := "~", yellow
	switch s.Action {
	case "create":
		sign, colour = "+", green
	case "remove":
		sign, colour = "-", red
	}
	text := s.Kind + " " + s.Name
	if s.In != "" {
		text += " in " + s.In
	}
	switch {
	case s.From != "" && s.To != "":
		text += ": " + s.From + " → " + s.To
	case s.From+s.To != "":
		text += ": " + s.From + s.To
	}
	return paint.paint(colour, sign+" "+text)
}

type directoryExportCmd struct {
	apiFlags
	momentFlag
}

// Run prints the document in YAML, or in JSON.
func (c directoryExportCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if printed, err := api.show(ctx, a, c.look("export"), c.JSON, "the document", &raw); printed || err != nil {
		return err
	}
	text, err := yaml.JSONToYAML(raw)
	if err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	_, err = a.out.Write(text)
	return err
}

type directoryShowCmd struct {
	apiFlags
	momentFlag
}

// Run prints each root group with what is in it.
func (c directoryShowCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var roots struct {
		Namespaces []containerView `json:"namespaces"`
	}
	if printed, err := api.show(ctx, a, c.look("namespaces"), c.JSON, "the namespaces", &roots); printed || err != nil {
		return err
	}
	for _, root := range roots.Namespaces {
		_, err := printLines(ctx, a, api, "containers", func(after string) string {
			return c.look("containers", "in", root.Path, "after", after, "limit", "1000")
		}, containerView.branch)
		if err != nil {
			return err
		}
	}
	if len(roots.Namespaces) == 0 {
		_, err = fmt.Fprintln(a.out, "the directory is empty: duolog directory apply fills it")
	}
	return err
}

// branch is the container in a tree.
func (c containerView) branch() string {
	depth := strings.Count(c.Path, "/")
	name := c.Path[strings.LastIndexByte(c.Path, '/')+1:]
	line := strings.Repeat("  ", depth) + name
	switch {
	case c.Namespace != nil:
		var on []string
		for _, f := range c.Namespace.Flows {
			if f.Enabled {
				on = append(on, f.Reference)
			}
		}
		line += "/   owners " + strings.Join(c.Namespace.Owners, ", ") + " · flows " + cmp.Or(strings.Join(on, ", "), "none")
	case c.Settings == nil:
		line += "/"
	default:
		line += "   " + c.Settings.Visibility
	}
	return line
}

type directoryHistoryCmd struct {
	apiFlags

	Path  string `arg:"" optional:"" help:"The namespace, or anything in it."`
	User  string `help:"A user instead." placeholder:"LOGIN"`
	Limit int    `help:"At most so many commits." default:"500"`
}

// Run prints the events, oldest first.
func (c directoryHistoryCmd) Run(ctx context.Context, a app) error {
	of := "namespace/" + url.PathEscape(directory.Root(c.Path))
	switch {
	case (c.Path == "") == (c.User == ""):
		return problem{"name a namespace or a user", "duolog directory history acme, or --user mia"}
	case c.User != "":
		of = "user/" + url.PathEscape(c.User)
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	var page timelinePage
	if printed, err := api.show(ctx, a, fmt.Sprintf("%s/timeline/%s?limit=%d", directoryPath, of, c.Limit), c.JSON, "the history", &page); printed || err != nil {
		return err
	}
	for _, e := range page.Events {
		_, err := fmt.Fprintf(a.out, "%s  %-9s %-12s %-36s %s\n", e.Time.Local().Format(time.DateTime), e.Position, cmp.Or(by(e.Principal), "–"), e.Type, e.Data)
		if err != nil {
			return err
		}
	}
	return nil
}

type directoryCheckCmd struct {
	apiFlags

	Path  string `arg:"" help:"The group or project."`
	Login string `arg:"" optional:"" help:"A user or service account."`
	Flow  string `help:"Whose service account to look for." placeholder:"FLOW"`
	Flag  string `help:"A flag to evaluate." placeholder:"NAME"`
}

// checkedView is one answer of the check.
type checkedView struct {
	Basis   port.Basis `json:"basis"`
	Refused *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Fix     string `json:"fix"`
	} `json:"refused"`
}

// Run prints each answer with what it rests on.
func (c directoryCheckCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	path := momentFlag{}.look("check", "path", c.Path, "login", c.Login, "flow", c.Flow, "flag", c.Flag)
	var found map[string]json.RawMessage
	if printed, err := api.show(ctx, a, path, c.JSON, "the check", &found); printed || err != nil {
		return err
	}
	for _, name := range []string{"container", "user", "level", "flows", "service_account", "flag"} {
		raw, asked := found[name]
		if !asked {
			continue
		}
		line, err := checkLine(name, raw)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(a.out, line); err != nil {
			return err
		}
	}
	return nil
}

func checkLine(name string, raw json.RawMessage) (string, error) {
	var v checkedView
	members := map[string]json.RawMessage{}
	if err := cmp.Or(json.Unmarshal(raw, &v), json.Unmarshal(raw, &members)); err != nil {
		return "", fmt.Errorf("read the answer %s: %w", name, err)
	}
	basis := strings.TrimRight(v.Basis.Source+" "+v.Basis.Position, " ")
	if v.Refused != nil {
		return fmt.Sprintf("%-16s no: %s (%s)\n%17sfix: %s   [%s]", name, v.Refused.Message, v.Refused.Code, "", v.Refused.Fix, basis), nil
	}
	delete(members, "basis")
	plain, err := json.Marshal(members)
	if err != nil {
		return "", fmt.Errorf("write the answer %s: %w", name, err)
	}
	return fmt.Sprintf("%-16s %s   [%s]", name, plain, basis), nil
}
