package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/duolog/duolog/domain/directory"
)

// userCmd are the tools of users.
type userCmd struct {
	List    userListCmd    `cmd:"" help:"Everybody, by login. Example: duolog user list"`
	Show    userShowCmd    `cmd:"" help:"One user and what they are a member of. Example: duolog user show mia"`
	Create  userCreateCmd  `cmd:"" help:"Make a login known. Example: duolog user create mia --name Mia --email mia@example.com"`
	Set     userSetCmd     `cmd:"" help:"Change a user. Example: duolog user set mia --default-namespace acme"`
	Block   userBlockCmd   `cmd:"" help:"Let a user do nothing. Example: duolog user block mia"`
	Unblock userUnblockCmd `cmd:"" help:"Let them do again what they may. Example: duolog user unblock mia"`
	Remove  userRemoveCmd  `cmd:"" help:"Remove a user: memberships and tokens end, what they did stays. Whoever takes the login afterwards is somebody else. Example: duolog user remove mia"`
}

// userView is a user as the API shows it.
type userView struct {
	ID               int64            `json:"id"`
	Login            string           `json:"login"`
	Identity         string           `json:"identity"`
	Name             string           `json:"name"`
	Email            string           `json:"email"`
	Admin            bool             `json:"admin"`
	Blocked          bool             `json:"blocked"`
	DefaultNamespace string           `json:"default_namespace"`
	Accounts         []directory.Link `json:"accounts"`
}

func (u userView) line() string {
	return strings.TrimRight(fmt.Sprintf("%-8d %-20s %-20s %-28s %s", u.ID, u.Login, u.Name, u.Email, u.marks()), " ")
}

func (u userView) marks() string {
	var marks []string
	if u.Admin {
		marks = append(marks, "administrator")
	}
	if u.Blocked {
		marks = append(marks, "blocked")
	}
	return strings.Join(marks, ", ")
}

type userListCmd struct {
	apiFlags
	momentFlag
}

// Run prints them.
func (c userListCmd) Run(ctx context.Context, a app) error {
	return printAll(ctx, a, c.apiFlags, "users", func(after string) string { return c.look("users", "after", after) }, userView.line)
}

type userShowCmd struct {
	apiFlags
	momentFlag

	Login string `arg:"" help:"The login."`
}

// Run prints the user.
func (c userShowCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var found struct {
		User        userView     `json:"user"`
		Memberships []memberView `json:"memberships"`
		Stream      string       `json:"stream"`
	}
	if printed, err := api.show(ctx, a, c.look("users/"+url.PathEscape(c.Login)), c.JSON, "the user", &found); printed || err != nil {
		return err
	}
	u := found.User
	var b strings.Builder
	fmt.Fprintf(&b, "user       %s\nnumber     %d\nidentity   %s\nstream     %s\n", u.Login, u.ID, u.Identity, found.Stream)
	for _, field := range [][2]string{{"name", u.Name}, {"email", u.Email}, {"is", u.marks()}, {"works in", u.DefaultNamespace}} {
		if field[1] != "" {
			fmt.Fprintf(&b, "%-10s %s\n", field[0], field[1])
		}
	}
	for _, l := range u.Accounts {
		fmt.Fprintf(&b, "account    %s %s\n", l.Provider, l.ID)
	}
	for _, m := range found.Memberships {
		fmt.Fprintf(&b, "member     %-32s %d %s\n", m.Path, m.Level, m.Name)
	}
	_, err = fmt.Fprint(a.out, b.String())
	return err
}

// userFields are what can be said of a user.
type userFields struct {
	Name             *string           `help:"What people call them." placeholder:"NAME"`
	Email            *string           `help:"Their address." placeholder:"EMAIL"`
	Admin            *bool             `help:"Whether they administer." negatable:""`
	DefaultNamespace *string           `help:"The group they work in; empty for none." placeholder:"PATH"`
	Link             map[string]string `help:"An account that is theirs." placeholder:"PROVIDER=ID"`
	Unlink           map[string]string `help:"An account that is not theirs any more." placeholder:"PROVIDER=ID"`
}

func (f userFields) command() directory.ChangeUser {
	return directory.ChangeUser{Name: f.Name, Email: f.Email, Admin: f.Admin, DefaultNamespace: f.DefaultNamespace, Link: linksOf(f.Link), Unlink: linksOf(f.Unlink)}
}

func linksOf(m map[string]string) []directory.Link {
	var out []directory.Link
	for provider, id := range m {
		out = append(out, directory.Link{Provider: provider, ID: id})
	}
	return out
}

// put changes a user.
func (f apiFlags) put(ctx context.Context, a app, login, done string, c directory.ChangeUser) error {
	c.Login = login
	return f.send(ctx, a, http.MethodPut, directoryPath+"/users/"+url.PathEscape(login), done, c)
}

type userCreateCmd struct {
	apiFlags
	userFields

	Login string `arg:"" help:"The login."`
}

// Run makes the user.
func (c userCreateCmd) Run(ctx context.Context, a app) error {
	command := c.command()
	command.Create = true
	return c.put(ctx, a, c.Login, c.Login+" is there", command)
}

type userSetCmd struct {
	apiFlags
	userFields

	Login string `arg:"" help:"The login."`
}

// Run changes the user.
func (c userSetCmd) Run(ctx context.Context, a app) error {
	return c.put(ctx, a, c.Login, c.Login+" is changed", c.command())
}

type userBlockCmd struct {
	apiFlags

	Login string `arg:"" help:"The login."`
}

// Run blocks the user.
func (c userBlockCmd) Run(ctx context.Context, a app) error {
	yes := true
	return c.put(ctx, a, c.Login, c.Login+" is blocked", directory.ChangeUser{Blocked: &yes})
}

type userUnblockCmd struct {
	apiFlags

	Login string `arg:"" help:"The login."`
}

// Run lets the user again.
func (c userUnblockCmd) Run(ctx context.Context, a app) error {
	no := false
	return c.put(ctx, a, c.Login, c.Login+" is not blocked", directory.ChangeUser{Blocked: &no})
}

type userRemoveCmd struct {
	apiFlags

	Login string `arg:"" help:"The login."`
}

// Run removes the user.
func (c userRemoveCmd) Run(ctx context.Context, a app) error {
	return c.send(ctx, a, http.MethodDelete, directoryPath+"/users/"+url.PathEscape(c.Login), c.Login+" is removed", nil)
}
