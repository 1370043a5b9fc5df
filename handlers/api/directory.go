package api

import (
	"fmt"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/handlers/feed"
	querying "github.com/duolog/duolog/projections/queries/directory"
)

// Bounds of a list of the directory.
const (
	defaultEntries = 100
	maxEntries     = 1000
)

// applyTime bounds one document; the same one again goes on where it was cut off.
const applyTime = 10 * time.Minute

func (s *Server) directoryRoutes(other time.Duration) {
	const base = feed.DirectoryPath
	s.route("GET "+base+"/users", other, s.listUsers)
	s.route("GET "+base+"/users/{login}", other, s.getUser)
	s.route("PUT "+base+"/users/{login}", other, s.putUser)
	s.route("DELETE "+base+"/users/{login}", other, s.removeUser)
	s.route("GET "+base+"/namespaces", other, s.listNamespaces)
	s.route("POST "+base+"/namespaces/{root}/changes", other, s.changeNamespace)
	s.route("GET "+base+"/containers", other, s.listContainers)
	s.route("GET "+base+"/containers/{ref}", other, s.getContainer)
	s.route("GET "+base+"/members", other, s.listMembers)
	s.route("GET "+base+"/service_accounts", other, s.listServiceAccounts)
	s.route("GET "+base+"/flows", other, s.listFlowSwitches)
	s.route("GET "+base+"/flags", other, s.listFlags)
	s.route("GET "+base+"/check", other, s.checkDirectory)
	s.route("GET "+base+"/export", applyTime, s.exportDirectory)
	s.route("POST "+base+"/apply", applyTime, s.applyDirectory)
	s.route("GET "+base+"/timeline/{kind}/{id}", other+maxWait*time.Second, s.getDirectoryTimeline)
	s.route("GET "+base+"/timeline/{kind}/{id}/{position}/{index}", other, s.getDirectoryEvent)
}

// look reads the directory as of when the caller asks for: what is about one stream
// where there is one.
func (s *Server) look(c *call, lead *domain.StreamID, fn func(v *querying.View) error) error {
	at, err := s.at(c)
	if err != nil {
		return err
	}
	if err := s.gate(c.Context()); err != nil {
		return err
	}
	q := s.cfg.Directory.At(at)
	if lead == nil {
		return q.Read(c.Context(), c.who.Tenant, fn)
	}
	return q.ReadOf(c.Context(), *lead, fn)
}

// place is the parameter in of a list: the path of a group or project.
func (c *call) place() (path string, lead domain.StreamID, err error) {
	if path, err = c.query("in"); err == nil {
		err = directory.CheckPath("in", path)
	}
	return path, directory.NamespaceStream(c.who.Tenant, directory.Root(path)), err
}

// lookIn reads what is in a group or project, which must be there.
func (s *Server) lookIn(c *call, fn func(v *querying.View, in directory.Entry) error) error {
	path, lead, err := c.place()
	if err != nil {
		return err
	}
	return s.look(c, &lead, func(v *querying.View) error {
		e, err := v.Find(c.Context(), path)
		if err != nil {
			return err
		}
		return fn(v, e)
	})
}

// paged are the parameters of a list that goes on.
func (c *call) paged() (after string, limit int, err error) {
	if limit, err = c.queryInt("limit", defaultEntries, 1, maxEntries); err == nil {
		after, err = c.query("after")
	}
	return after, limit, err
}

// page is the answer of a list; next is what to send as after, empty at the end.
func page(name string, items [][]byte, next string) answer {
	var o object
	o.raw(name, list(items))
	o.textOrNull("next", next)
	return ok(o.end())
}

// nextOf is where a list goes on that has as many entries as were asked for.
func nextOf(entries []directory.Entry, limit int, key func(directory.Entry) string) string {
	if len(entries) < limit {
		return ""
	}
	return key(entries[limit-1])
}

func (s *Server) listUsers(c *call) (answer, error) {
	after, limit, err := c.paged()
	if err != nil {
		return answer{}, err
	}
	var found []directory.Entry
	err = s.look(c, nil, func(v *querying.View) (err error) {
		found, err = v.Users(c.Context(), after, limit)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	body := func(e directory.Entry) []byte { return userBody(c.who.Tenant, e) }
	return page("users", entries(found, body), nextOf(found, limit, func(e directory.Entry) string { return e.Name })), nil
}

func (s *Server) getUser(c *call) (answer, error) {
	login := c.PathValue("login")
	if err := directory.CheckLogin("login", login); err != nil {
		return answer{}, err
	}
	lead := directory.UserStream(c.who.Tenant, login)
	var user directory.Entry
	var members []directory.Entry
	err := s.look(c, &lead, func(v *querying.View) (err error) {
		if user, err = v.User(c.Context(), login); err != nil {
			return err
		}
		if !user.There() {
			return notFound("user", "duolog user list shows those there are")
		}
		members, err = v.MembershipsOf(c.Context(), login)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	var o object
	o.raw("user", userBody(c.who.Tenant, user))
	o.raw("memberships", list(entries(members, memberBody)))
	o.text("stream", streamName(lead))
	return ok(o.end()), nil
}

func (s *Server) listNamespaces(c *call) (answer, error) {
	var found []directory.Entry
	err := s.look(c, nil, func(v *querying.View) (err error) {
		found, err = v.Roots(c.Context())
		return err
	})
	if err != nil {
		return answer{}, err
	}
	return page("namespaces", entries(found, containerBody), ""), nil
}

func (s *Server) listContainers(c *call) (answer, error) {
	after, limit, err := c.paged()
	if err != nil {
		return answer{}, err
	}
	kind, err := c.query("kind")
	if err != nil {
		return answer{}, err
	}
	if kind != "" && kind != "group" && kind != "project" {
		return answer{}, domain.InvalidField("kind", fmt.Sprintf("kind %.40q is not known", kind), "send group or project, or leave it out")
	}
	var found []directory.Entry
	err = s.lookIn(c, func(v *querying.View, in directory.Entry) (err error) {
		found, err = v.Containers(c.Context(), in.Path, after, limit)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	next := nextOf(found, limit, func(e directory.Entry) string { return e.Path })
	var rows [][]byte
	for _, e := range found {
		if kind == "" || kind == e.What() {
			rows = append(rows, containerBody(e))
		}
	}
	return page("containers", rows, next), nil
}

// getContainer answers with a group or project by its path or number.
func (s *Server) getContainer(c *call) (answer, error) {
	ref := c.PathValue("ref")
	var lead *domain.StreamID
	if directory.CheckPath("ref", ref) == nil && !isNumber(ref) {
		stream := directory.NamespaceStream(c.who.Tenant, directory.Root(ref))
		lead = &stream
	}
	var found directory.Entry
	err := s.look(c, lead, func(v *querying.View) (err error) {
		found, err = v.Find(c.Context(), ref)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	var o object
	o.raw("container", containerBody(found))
	o.text("stream", streamName(directory.NamespaceStream(c.who.Tenant, directory.Root(found.Path))))
	return ok(o.end()), nil
}

func isNumber(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

func (s *Server) listMembers(c *call) (answer, error) {
	after, limit, err := c.paged()
	if err != nil {
		return answer{}, err
	}
	var found []directory.Entry
	var next string
	err = s.lookIn(c, func(v *querying.View, in directory.Entry) (err error) {
		found, next, err = v.Members(c.Context(), in, after, limit)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	return page("members", entries(found, memberBody), next), nil
}

func (s *Server) listServiceAccounts(c *call) (answer, error) {
	var found []directory.Entry
	err := s.lookIn(c, func(v *querying.View, in directory.Entry) (err error) {
		found, err = v.Accounts(c.Context(), directory.Root(in.Path))
		return err
	})
	if err != nil {
		return answer{}, err
	}
	return page("service_accounts", entries(found, accountBody), ""), nil
}

func (s *Server) listFlowSwitches(c *call) (answer, error) {
	var top *directory.Top
	err := s.lookIn(c, func(v *querying.View, in directory.Entry) error {
		root, err := v.Container(c.Context(), directory.Root(in.Path))
		top = root.Top
		return err
	})
	if err != nil {
		return answer{}, err
	}
	return page("flows", flowRows(top), ""), nil
}

func (s *Server) listFlags(c *call) (answer, error) {
	var found []directory.Entry
	err := s.lookIn(c, func(v *querying.View, in directory.Entry) (err error) {
		found, err = v.Flags(c.Context(), in.Path)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	return page("flags", entries(found, flagBody), ""), nil
}
