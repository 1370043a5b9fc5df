package fakegitlab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

// maxBody bounds what a request may bring.
const maxBody = 8 << 20

// call is one request as handlers see it.
type call struct {
	*http.Request
	s      *Server
	w      http.ResponseWriter
	now    time.Time
	actor  actor
	status int
	// params are the query and the body in one, as GitLab takes them.
	params map[string]any
}

// readParams takes query, JSON and form as one set of parameters.
func (c *call) readParams() error {
	c.params = map[string]any{}
	for key, values := range c.URL.Query() {
		c.param(key, values)
	}
	kind, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
	c.Body = http.MaxBytesReader(c.w, c.Body, maxBody)
	switch kind {
	case "application/json":
		return c.readJSON()
	case "application/x-www-form-urlencoded", "multipart/form-data":
		if err := c.ParseMultipartForm(maxBody); err != nil && !errors.Is(err, http.ErrNotMultipart) {
			return tooLarge(err)
		}
		for key, values := range c.PostForm {
			c.param(key, values)
		}
	}
	return nil
}

func (c *call) readJSON() error {
	body, err := io.ReadAll(c.Body)
	if err != nil {
		return tooLarge(err)
	}
	if len(body) == 0 {
		return nil
	}
	var given map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	if err := decoder.Decode(&given); err != nil {
		return &refusal{http.StatusBadRequest, map[string]any{"error": "Invalid json"}}
	}
	maps.Copy(c.params, given)
	return nil
}

func tooLarge(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return refuse(http.StatusRequestEntityTooLarge, "413 Request Entity Too Large")
	}
	return refuse(http.StatusBadRequest, "400 Bad request")
}

func (c *call) param(key string, values []string) {
	if name, list := strings.CutSuffix(key, "[]"); list {
		items := make([]any, len(values))
		for i, v := range values {
			items[i] = v
		}
		c.params[name] = items
	} else if len(values) > 0 {
		c.params[key] = values[0]
	}
}

// has says whether a parameter was given at all.
func (c *call) has(name string) bool { return c.params[name] != nil }

func (c *call) str(name string) string {
	if v := c.params[name]; v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

// need is a parameter that must be there.
func (c *call) need(name string) (string, error) {
	if v := c.str(name); v != "" {
		return v, nil
	}
	return "", &refusal{http.StatusBadRequest, map[string]any{"error": name + " is missing"}}
}

func (c *call) int(name string) int64 {
	n, err := strconv.ParseInt(c.str(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (c *call) flag(name string, otherwise bool) bool {
	if b, err := strconv.ParseBool(c.str(name)); err == nil {
		return b
	}
	return otherwise
}

// list reads several values, or one with commas.
func (c *call) list(name string) []string {
	switch v := c.params[name].(type) {
	case nil:
		return nil
	case []any:
		out := make([]string, len(v))
		for i, item := range v {
			out[i] = fmt.Sprint(item)
		}
		return out
	default:
		return strings.FieldsFunc(fmt.Sprint(v), func(r rune) bool { return r == ',' || r == ' ' })
	}
}

// into reads a parameter that has a shape of its own.
func (c *call) into(name string, to any) error {
	text, err := json.Marshal(c.params[name])
	if err == nil {
		err = json.Unmarshal(text, to)
	}
	if err != nil {
		return &refusal{http.StatusBadRequest, map[string]any{"error": name + " is invalid"}}
	}
	return nil
}

// id is a number in the path.
func (c *call) id(name string) int64 {
	n, err := strconv.ParseInt(c.PathValue(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (c *call) created() { c.status = http.StatusCreated }

// locked does something with the state, for handlers that do not run under its
// lock.
func (c *call) locked(do func() error) error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return do()
}

// page cuts a list to the page that was asked for and says so in headers.
func page[T any](c *call, all []T) []T {
	size := int(min(max(c.int("per_page"), 0), 100))
	if size == 0 {
		size = 20
	}
	number := int(min(max(c.int("page"), 1), 1<<20))
	pages := max((len(all)+size-1)/size, 1)
	h := c.w.Header()
	h.Set("X-Page", strconv.Itoa(number))
	h.Set("X-Per-Page", strconv.Itoa(size))
	h.Set("X-Total", strconv.Itoa(len(all)))
	h.Set("X-Total-Pages", strconv.Itoa(pages))
	h.Set("X-Prev-Page", pageNumber(number-1, pages))
	h.Set("X-Next-Page", pageNumber(number+1, pages))
	if number < pages {
		next := *c.URL
		query := next.Query()
		query.Set("page", strconv.Itoa(number+1))
		next.RawQuery = query.Encode()
		h.Set("Link", "<"+c.s.url+next.RequestURI()+`>; rel="next"`)
	}
	from := min((number-1)*size, len(all))
	return slices.Clip(all[from:min(from+size, len(all))])
}

func pageNumber(n, pages int) string {
	if n < 1 || n > pages {
		return ""
	}
	return strconv.Itoa(n)
}

// wires turns a list into what goes out; an empty one is [].
func wires[T, W any](all []T, wire func(T) W) []W {
	out := make([]W, len(all))
	for i, one := range all {
		out[i] = wire(one)
	}
	return out
}

// user finds an account by number.
func (s *Server) user(id int64) *instance.User { return s.state.Users[id] }
