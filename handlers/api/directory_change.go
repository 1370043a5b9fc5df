package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/handlers/directory/admin"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/document"
)

// maxDirectory bounds a document of a whole company.
const maxDirectory = 16 << 20

// strictly reads a body in which nothing may stand that is not known: it would be taken
// for something that stays as it is.
func (s *Server) strictly(c *call, most int64, into any) (body []byte, err error) {
	if body, _, err = s.document(c, most); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return nil, document.InvalidBody("the body cannot be read: "+strings.TrimPrefix(err.Error(), "json: "), "see schemas/openapi.yaml for its form", err)
	}
	return body, nil
}

// putUser answers PUT users/:login: the user is made, or changed.
func (s *Server) putUser(c *call) (answer, error) {
	var command directory.ChangeUser
	body, err := s.strictly(c, maxSmallBody, &command)
	if err != nil {
		return answer{}, err
	}
	login := c.PathValue("login")
	if command.Login != "" && command.Login != login {
		return answer{}, domain.InvalidField("login", "login is another than that of the path", "leave it out")
	}
	command.Login = login
	if err := s.directory.CheckUser(c.Context(), c.who.Tenant, &command); err != nil {
		return answer{}, err
	}
	may, err := s.authority(c)
	if err == nil {
		err = may.User(&command)
	}
	if err != nil {
		return answer{}, err
	}
	if command.Create {
		if err := s.directory.Vacate(c.Context(), c.who.Tenant, c.who.Principal(""), login); err != nil {
			return answer{}, err
		}
	}
	return s.changeDirectory(c, directory.UserStream(c.who.Tenant, login), &command, body)
}

// removeUser answers DELETE users/:login: what they may do ends, what they did stays.
func (s *Server) removeUser(c *call) (answer, error) {
	login := c.PathValue("login")
	may, err := s.authority(c)
	if err != nil {
		return answer{}, err
	}
	there, err := s.directory.Removable(c.Context(), c.who.Tenant, login)
	if err == nil && there {
		err = may.Remove(login)
	}
	if err != nil {
		return answer{}, err
	}
	var out answer
	err = s.directory.RemoveUser(c.Context(), c.who.Tenant, c.who.Principal(""), login, func() (err error) {
		out, err = s.changeDirectory(c, directory.UserStream(c.who.Tenant, login), &directory.RemoveUser{Login: login}, nil)
		return err
	})
	return out, err
}

// changeNamespace answers POST namespaces/:root/changes: all changes or none.
func (s *Server) changeNamespace(c *call) (answer, error) {
	var command directory.ChangeNamespace
	body, err := s.strictly(c, maxSmallBody, &command)
	if err != nil {
		return answer{}, err
	}
	root := c.PathValue("root")
	if command.Root != "" && command.Root != root {
		return answer{}, domain.InvalidField("root", "root is another than that of the path", "leave it out")
	}
	command.Root = root
	if err := command.Validate(); err != nil {
		return answer{}, err
	}
	may, err := s.authority(c)
	if err == nil {
		err = may.Namespace(root)
	}
	if err != nil {
		return answer{}, err
	}
	if err := s.directory.CheckNamespace(c.Context(), c.who.Tenant, &command); err != nil {
		return answer{}, err
	}
	return s.changeDirectory(c, directory.NamespaceStream(c.who.Tenant, root), &command, body)
}

// authority is what the caller may change, by all that was answered so far.
func (s *Server) authority(c *call) (admin.Authority, error) {
	if err := s.gate(c.Context()); err != nil {
		return admin.Authority{}, err
	}
	return s.directory.AuthorityOf(c.Context(), c.who.Tenant, c.who.User)
}

// changeDirectory carries out a command. Where it was so already nothing is changed.
func (s *Server) changeDirectory(c *call, stream domain.StreamID, command directory.Command, body []byte) (answer, error) {
	r := dispatch.Request{Stream: stream, Directory: command, Principal: c.who.Principal("")}
	if err := s.identify(c, &r, body); err != nil {
		return answer{}, err
	}
	out, err := s.do(c, r)
	if err != nil {
		return answer{}, err
	}
	var o object
	o.bool("changed", out.Changed)
	o.int("events", int64(out.Directory.Events))
	if out.Position != (domain.Position{}) { // a repeat has that of the first
		o.text("position", out.Position.Token(s.cfg.Log))
	} else {
		o.raw("position", []byte("null"))
	}
	o.text("stream", streamName(stream))
	return ok(o.end()), nil
}

// applyDirectory answers POST apply: the directory becomes what the document says, or
// with dry_run it is said what would change.
func (s *Server) applyDirectory(c *call) (answer, error) {
	var options admin.Options
	for name, to := range map[string]*bool{"dry_run": &options.DryRun, "prune": &options.Prune, "remove_users": &options.RemoveUsers} {
		text, err := c.query(name)
		if err != nil {
			return answer{}, err
		}
		if *to = text == "true"; text != "" && text != "true" && text != "false" {
			return answer{}, domain.InvalidField(name, fmt.Sprintf("%s must be true or false, got %.40q", name, text), "send one of them")
		}
	}
	body, _, err := s.document(c, maxDirectory)
	if err != nil {
		return answer{}, err
	}
	doc, err := admin.Decode(body)
	if err != nil {
		return answer{}, err
	}
	may, err := s.authority(c)
	if err != nil {
		return answer{}, err
	}
	options.May = &may
	_ = http.NewResponseController(c.w).SetWriteDeadline(s.cfg.Now().Add(applyTime)) // not every writer has a connection
	steps, err := s.directory.Apply(c.Context(), c.who.Tenant, c.who.Principal(""), doc, options)
	if err != nil {
		return answer{}, err
	}
	if steps == nil {
		steps = []admin.Step{}
	}
	var o object
	o.bool("applied", !options.DryRun)
	o.value("steps", steps)
	return ok(o.end()), nil
}

// exportDirectory answers GET export: the document that makes the directory.
func (s *Server) exportDirectory(c *call) (answer, error) {
	at, err := s.at(c)
	if err != nil {
		return answer{}, err
	}
	if err := s.gate(c.Context()); err != nil {
		return answer{}, err
	}
	doc, err := s.directory.Export(c.Context(), c.who.Tenant, at)
	return ok(encode(doc)), err
}
