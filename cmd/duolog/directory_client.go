package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/handlers/feed"
)

const directoryPath = feed.DirectoryPath

// momentFlag reads the past.
type momentFlag struct {
	At string `help:"As of then: a time, or a position of the log." placeholder:"MOMENT"`
}

// look is the address of something in the directory, as of then. Parameters are pairs.
func (f momentFlag) look(what string, parameters ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		if parameters[i+1] != "" {
			q.Set(parameters[i], parameters[i+1])
		}
	}
	if f.At != "" {
		q.Set("at", f.At)
	}
	return strings.TrimSuffix(directoryPath+"/"+what+"?"+q.Encode(), "?")
}

// changed is what a command of the directory came to.
type changed struct {
	Changed  bool   `json:"changed"`
	Events   int    `json:"events"`
	Position string `json:"position"`
	Stream   string `json:"stream"`
}

// change sends one change of the namespace that a path is in.
func (f apiFlags) change(ctx context.Context, a app, path, done string, c directory.Change) error {
	body := struct {
		Changes []directory.Change `json:"changes"`
	}{[]directory.Change{c}}
	return f.send(ctx, a, http.MethodPost, directoryPath+"/namespaces/"+url.PathEscape(directory.Root(path))+"/changes", done, body)
}

// send sends a change and says what came of it.
func (f apiFlags) send(ctx context.Context, a app, method, path, done string, body any) error {
	api, err := f.client()
	if err != nil {
		return err
	}
	var out changed
	if err := api.call(ctx, method, path, body, &out); err != nil {
		return err
	}
	switch {
	case f.JSON:
		return json.NewEncoder(a.out).Encode(out)
	case !out.Changed:
		done = "it was so already"
	}
	_, err = fmt.Fprintln(a.out, done)
	return err
}

// listPage is one page of a list, under the name that the API gives it.
type listPage[T any] struct {
	name string
	rows []T
	next string
}

// UnmarshalJSON reads the list and where it goes on.
func (p *listPage[T]) UnmarshalJSON(b []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return err
	}
	var next *string
	if err := json.Unmarshal(members["next"], &next); err != nil {
		return err
	}
	if p.next = ""; next != nil {
		p.next = *next
	}
	p.rows = nil
	return json.Unmarshal(members[p.name], &p.rows)
}

// printAll prints a list, and says so where there is nothing.
func printAll[T any](ctx context.Context, a app, f apiFlags, name string, path func(after string) string, line func(T) string) error {
	api, err := f.client()
	if err != nil {
		return err
	}
	if f.JSON {
		_, err := api.show(ctx, a, path(""), true, "the list", nil)
		return err
	}
	n, err := printLines(ctx, a, api, name, path, line)
	if err == nil && n == 0 {
		_, err = fmt.Fprintln(a.out, "none")
	}
	return err
}

// printLines prints a list line by line, page after page, and counts them.
func printLines[T any](ctx context.Context, a app, api *client, name string, path func(after string) string, line func(T) string) (n int, err error) {
	p := listPage[T]{name: name}
	for first := true; first || p.next != ""; first = false {
		if err := api.call(ctx, http.MethodGet, path(p.next), nil, &p); err != nil {
			return n, err
		}
		for _, row := range p.rows {
			n++
			if _, err := fmt.Fprintln(a.out, line(row)); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}
