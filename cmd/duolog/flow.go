package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"
)

// flowCmd are the tools of flows.
type flowCmd struct {
	List    flowListCmd    `cmd:"" help:"The flows there are, and which of them may be started. Example: duolog flow list"`
	Show    flowShowCmd    `cmd:"" help:"One flow: its versions, flags and privileges. Example: duolog flow show developer/v1"`
	Enable  flowEnableCmd  `cmd:"" help:"Switch a flow on in a root group. Example: duolog flow enable developer/v1 --in acme"`
	Disable flowDisableCmd `cmd:"" help:"Switch it off. Example: duolog flow disable developer/v1 --in acme"`
	Resolve flowResolveCmd `cmd:"" help:"What a workflow would record that is started now. Example: duolog flow resolve developer/v1 --flow-version ^2.0.0 --explain"`
}

// flowView is the part of a flow that the tools show.
type flowView struct {
	Reference string `json:"reference"`
	Enabled   bool   `json:"enabled"`
	Off       *struct {
		Message string `json:"message"`
		Fix     string `json:"fix"`
	} `json:"off"`
	Description string   `json:"description"`
	Maturity    string   `json:"maturity"`
	Plan        string   `json:"plan"`
	Environment string   `json:"environment"`
	Coding      string   `json:"coding_environment"`
	Version     string   `json:"default_version"`
	PreApproved []int    `json:"pre_approved_agent_privileges"`
	Engines     []string `json:"engines"`
	Tools       struct {
		ReadOnly bool     `json:"read_only"`
		Names    []string `json:"names"`
	} `json:"tools"`
	Configs []struct {
		Flag       string   `json:"flag"`
		Definition string   `json:"workflow_definition"`
		Versions   []string `json:"versions"`
		Default    string   `json:"default_version"`
	} `json:"configs"`
}

const flowsPath = "/v1/flows"

type flowListCmd struct {
	apiFlags

	In string `placeholder:"GROUP" help:"In this group; by default the tenant's."`
}

// Run prints a line for each flow.
func (c flowListCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	path := flowsPath
	if c.In != "" {
		path += "?" + url.Values{"namespace": {c.In}}.Encode()
	}
	var list []flowView
	if printed, err := api.show(ctx, a, path, c.JSON, "the list", &list); printed || err != nil {
		return err
	}
	for _, f := range list {
		on := "off"
		if f.Enabled {
			on = "on"
		}
		if _, err := fmt.Fprintf(a.out, "%-3s  %-44s %-7s %-12s %s\n", on, f.Reference, f.Version, f.Maturity, f.Description); err != nil {
			return err
		}
	}
	return nil
}

type flowShowCmd struct {
	apiFlags

	Reference string `arg:"" help:"The flow, such as developer/v1."`
}

// Run prints the flow as the API returns it, or the part people ask for.
func (c flowShowCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var f flowView
	if printed, err := api.show(ctx, a, flowsPath+"/"+url.PathEscape(c.Reference), c.JSON, "the flow", &f); printed || err != nil {
		return err
	}
	return printFlow(a, f)
}

func printFlow(a app, f flowView) error {
	enabled, fix := "yes", ""
	if f.Off != nil {
		enabled, fix = "no: "+f.Off.Message, f.Off.Fix
	}
	tools := strings.Join(f.Tools.Names, ", ")
	if f.Tools.ReadOnly {
		tools = strings.TrimSuffix("those that only read, "+tools, ", ")
	}
	rows := [][2]string{
		{"flow", f.Reference},
		{"does", f.Description},
		{"enabled", enabled},
		{"fix", fix},
		{"maturity", strings.TrimSpace(f.Maturity + "   " + f.Plan)},
		{"checkout", f.Coding},
		{"pre-approved", strings.Trim(fmt.Sprint(f.PreApproved), "[]")},
		{"tools", tools},
		{"engines", strings.Join(f.Engines, ", ")},
	}
	for _, config := range f.Configs {
		name := "runs"
		if config.Flag != "" {
			name = "with a flag"
			config.Definition += "   while " + config.Flag + " is on"
		}
		rows = append(rows, [2]string{name, config.Definition})
		if config.Default != "" {
			rows = append(rows, [2]string{"", fmt.Sprintf("%s of %s", config.Default, strings.Join(config.Versions, ", "))})
		}
	}
	return printRows(a, rows)
}

type flowResolveCmd struct {
	apiFlags

	Reference   string `arg:"" help:"The flow, such as developer/v1."`
	Project     string `placeholder:"PATH" help:"For this project, whose flags count; by default the tenant's."`
	Namespace   string `placeholder:"PATH" help:"For this namespace, where there is no project."`
	FlowVersion string `placeholder:"VERSION" help:"A version or a constraint, such as ^2.0.0."`
	Explain     bool   `help:"Say which flags and rules led to it."`
}

// Run prints the four values, and why.
func (c flowResolveCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	query := url.Values{}
	for name, value := range map[string]string{"project": c.Project, "namespace": c.Namespace, "version": c.FlowVersion} {
		if value != "" {
			query.Set(name, value)
		}
	}
	var r struct {
		Path       string `json:"path"`
		Definition string `json:"workflow_definition"`
		ConfigID   string `json:"flow_config_id"`
		Schema     string `json:"flow_config_schema_version"`
		Version    string `json:"flow_version"`
		Usable     []int  `json:"usable_privileges"`
		Reasons    []struct {
			Rule string `json:"rule"`
			Text string `json:"text"`
		} `json:"reasons"`
	}
	path := flowsPath + "/" + url.PathEscape(c.Reference) + "/resolve?" + query.Encode()
	if printed, err := api.show(ctx, a, path, c.JSON, "what it resolves to", &r); printed || err != nil {
		return err
	}
	rows := [][2]string{
		{"definition", r.Definition},
		{"config id", cmp.Or(r.ConfigID, "none")},
		{"schema", cmp.Or(r.Schema, "none")},
		{"version", cmp.Or(r.Version, "none")},
	}
	if c.Explain {
		rows = append(rows, [2]string{"for", r.Path}, [2]string{"may use", strings.Trim(fmt.Sprint(r.Usable), "[]")})
		for _, reason := range r.Reasons {
			rows = append(rows, [2]string{"because", reason.Text})
		}
	}
	return printRows(a, rows)
}

// printRows prints names and what they stand for, without those that are empty.
func printRows(a app, rows [][2]string) error {
	for _, r := range rows {
		if r[1] == "" {
			continue
		}
		if _, err := fmt.Fprintf(a.out, "%-12s %s\n", r[0], r[1]); err != nil {
			return err
		}
	}
	return nil
}
