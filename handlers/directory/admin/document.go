package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
)

// Document is a company as it shall be. What it does not mention stays as it is.
type Document struct {
	Users      []User      `json:"users,omitempty"`
	Namespaces []Namespace `json:"namespaces,omitempty"`
}

// User is one login; what is left out stays.
type User struct {
	Login            string           `json:"login"`
	Name             *string          `json:"name,omitempty"`
	Email            *string          `json:"email,omitempty"`
	Admin            *bool            `json:"admin,omitempty"`
	Blocked          *bool            `json:"blocked,omitempty"`
	DefaultNamespace *string          `json:"default_namespace,omitempty"`
	Accounts         []directory.Link `json:"accounts,omitempty"`
}

// Namespace is a root group with all that is in it.
type Namespace struct {
	Place

	FoundationalFlows *bool             `json:"foundational_flows,omitempty"`
	Plan              *string           `json:"plan,omitempty"`
	Policies          map[string]string `json:"policies,omitempty"`
	// Flows are those that are on.
	Flows           []string  `json:"flows,omitempty"`
	ServiceAccounts []Account `json:"service_accounts,omitempty"`
	Groups          []Place   `json:"groups,omitempty"`
	Projects        []Project `json:"projects,omitempty"`
}

// Place is what every group and project has.
type Place struct {
	// Path is the whole path.
	Path    string           `json:"path"`
	Members map[string]Level `json:"members,omitempty"`
	Flags   map[string]bool  `json:"flags,omitempty"`
}

// Project is a project; without settings it is made as duo-workspace is.
type Project struct {
	Place

	Settings *directory.ProjectSettings `json:"settings,omitempty"`
}

// Account is the service account of a flow.
type Account struct {
	Login   string `json:"login"`
	Flow    string `json:"flow"`
	Name    string `json:"name,omitempty"`
	Blocked bool   `json:"blocked,omitempty"`
}

// Level is a level by its name; its number is read too.
type Level directory.Level

// MarshalJSON writes the name.
func (l Level) MarshalJSON() ([]byte, error) { return json.Marshal(directory.Level(l).String()) }

// UnmarshalJSON reads the name or the number.
func (l *Level) UnmarshalJSON(b []byte) error {
	got, err := directory.ParseLevel("members", strings.Trim(string(b), `"`))
	*l = Level(got)
	return err
}

// Decode reads a document. A member that it does not have is refused: it would be
// taken for something that shall stay.
func Decode(raw []byte) (Document, error) {
	var d Document
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	err := dec.Decode(&d)
	if refused, ok := errors.AsType[*domain.Error](err); ok {
		return d, refused
	}
	if err != nil {
		return d, &domain.Error{
			Code: domain.CodeInvalidBody, Message: "the document cannot be read: " + strings.TrimPrefix(err.Error(), "json: "),
			Fix: "compare it with what duolog directory export prints", Err: err,
		}
	}
	return d, d.check()
}

// check refuses what stands twice, and what is not where it says.
func (d Document) check() error {
	users, roots := map[string]bool{}, map[string]bool{}
	for i, u := range d.Users {
		if users[u.Login] {
			return twice(fmt.Sprintf("users[%d].login", i), u.Login)
		}
		users[u.Login] = true
	}
	for i, n := range d.Namespaces {
		field := fmt.Sprintf("namespaces[%d]", i)
		if roots[n.Path] {
			return twice(field+".path", n.Path)
		}
		roots[n.Path] = true
		if err := n.check(field); err != nil {
			return err
		}
	}
	return nil
}

func (n Namespace) check(field string) error {
	paths, logins, flows := map[string]bool{n.Path: true}, map[string]bool{}, map[string]bool{}
	for i, p := range n.places()[1:] {
		at := fmt.Sprintf("%s.groups[%d]", field, i)
		if i >= len(n.Groups) {
			at = fmt.Sprintf("%s.projects[%d]", field, i-len(n.Groups))
		}
		if paths[p.Path] {
			return twice(at+".path", p.Path)
		}
		paths[p.Path] = true
	}
	for i, a := range n.ServiceAccounts {
		at := fmt.Sprintf("%s.service_accounts[%d]", field, i)
		if logins[a.Login] {
			return twice(at+".login", a.Login)
		}
		if flows[a.Flow] {
			return twice(at+".flow", a.Flow)
		}
		logins[a.Login], flows[a.Flow] = true, true
	}
	return nil
}

// places are the root group, its groups and its projects.
func (n Namespace) places() []Place {
	out := append([]Place{n.Place}, n.Groups...)
	for _, p := range n.Projects {
		out = append(out, p.Place)
	}
	return out
}

func twice(field, name string) error {
	return domain.InvalidField(field, fmt.Sprintf("%.80q comes twice", name), "name it once")
}
