package fakegitlab

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/duolog/duolog/internal/fakegitlab/fault"
)

// control is where tests and people reach behind the GitLab: faults, counts.
const control = "/_fake/"

func faultRoutes() []route {
	return []route{
		{pattern: "GET " + control + "faults", handle: listFaults, open: true},
		{pattern: "POST " + control + "faults", handle: addFault, open: true},
		{pattern: "DELETE " + control + "faults", handle: deleteFaults, open: true},
		{pattern: "DELETE " + control + "faults/{fault}", handle: deleteFaults, open: true},
		{pattern: "GET " + control + "state", handle: counts, open: true},
	}
}

func listFaults(c *call) (any, error) { return c.s.faults.List(), nil }

func addFault(c *call) (any, error) {
	var rule fault.Rule
	text, err := json.Marshal(c.params)
	if err == nil {
		err = json.Unmarshal(text, &rule)
	}
	if err == nil {
		rule, err = c.s.faults.Add(rule)
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, err.Error())
	}
	c.created()
	return rule, nil
}

// deleteFaults deletes one, or all; runners look whether they may go on.
func deleteFaults(c *call) (any, error) {
	c.s.faults.Delete(c.id("fault"))
	return nil, nil //nolint:nilnil // an answer without a body
}

// faulty lets requests meet the faults that are set, before and after the
// handler does its work.
func (s *Server) faulty(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, control) {
			next.ServeHTTP(w, r)
			return
		}
		rule, met := s.faults.Request(r.Method, r.URL.EscapedPath())
		switch {
		case !met:
			next.ServeHTTP(w, r)
		case rule.Kind == fault.Slow:
			pause(r.Context(), time.Duration(rule.DelayMS)*time.Millisecond)
			next.ServeHTTP(w, r)
		case rule.Kind == fault.TimeoutAfterSuccess:
			next.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler) // the connection goes, without an answer
		case rule.Kind == fault.Nonsense:
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<!DOCTYPE html><html><body><h1>Whoops, something went wrong on our end</h1></body></html>"))
		default:
			s.fail(w, rule)
		}
	}
}

// fail answers with a rule's status, as GitLab's front would.
func (s *Server) fail(w http.ResponseWriter, rule fault.Rule) {
	if rule.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", strconv.Itoa(max(rule.RetryAfter, 1)))
		w.Header().Set("RateLimit-Remaining", "0")
		http.Error(w, "Retry later", rule.Status)
		return
	}
	if rule.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(rule.RetryAfter))
	}
	s.answer(w, rule.Status, map[string]any{"message": strconv.Itoa(rule.Status) + " " + http.StatusText(rule.Status)})
}
