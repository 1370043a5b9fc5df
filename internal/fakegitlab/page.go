package fakegitlab

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// colours are the marks by which a trace tells a terminal to change its colour.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*[mK]")

// pipelinePage answers a browser at the address that the API gives as web_url of a
// pipeline, with its jobs and their traces as text. Nobody signs in here, so it shows to
// whoever reaches the address what GitLab shows to members.
func (s *Server) pipelinePage(w http.ResponseWriter, r *http.Request) bool {
	project, id, is := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/-/pipelines/")
	n, err := strconv.ParseInt(id, 10, 64)
	if !is || err != nil || r.Method != http.MethodGet {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, in := s.state.Pipelines[n], s.state.Project(project)
	if p == nil || in == nil || p.Project != in.ID {
		return false
	}
	var page bytes.Buffer
	fmt.Fprintf(&page, "Pipeline %d of %s: %s\nbranch %s\n", p.ID, in.FullPath, p.Status, p.Ref)
	for _, j := range s.state.JobsOf(p, true) {
		trace, err := os.ReadFile(s.traceFile(j.ID))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			trace = []byte(err.Error())
		}
		fmt.Fprintf(&page, "\nJob %d %s: %s\n\n%s\n", j.ID, j.Name, j.Status, colours.ReplaceAll(trace, nil))
	}
	s.answer(w, http.StatusOK, raw(page.Bytes()))
	return true
}
