package runner

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// MaxTrace bounds what is kept of a job's output.
const MaxTrace = 4 << 20

// longestLine is how much of a line without an end is held back for masking.
const longestLine = 64 << 10

// trace masks values and cuts what is too long. It is written to by one job.
type trace struct {
	mu     sync.Mutex
	to     io.Writer
	masks  *strings.Replacer
	rest   []byte
	room   int
	failed error
}

func newTrace(to io.Writer, masked []string) *trace {
	// The longer of two values that begin alike is looked for first.
	masked = slices.SortedFunc(slices.Values(masked), func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, value := range masked {
		if value != "" {
			pairs = append(pairs, value, "[MASKED]")
		}
	}
	return &trace{to: to, masks: strings.NewReplacer(pairs...), room: MaxTrace}
}

// Write takes output in and passes whole lines on; a value that is masked has
// no line break, so none is cut in two.
func (t *trace) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest = append(t.rest, p...)
	end := bytes.LastIndexByte(t.rest, '\n') + 1
	if end == 0 && len(t.rest) > longestLine {
		end = len(t.rest)
	}
	t.emit(t.rest[:end])
	t.rest = append([]byte(nil), t.rest[end:]...)
	return len(p), nil
}

// close passes on what is left.
func (t *trace) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.emit(t.rest)
	t.rest = nil
}

func (t *trace) emit(p []byte) {
	if len(p) == 0 || t.room <= 0 || t.failed != nil {
		return
	}
	text := t.masks.Replace(string(p))
	if len(text) > t.room {
		text = text[:t.room] + fmt.Sprintf("\nJob's log exceeded limit of %d bytes.\n", MaxTrace)
		t.room = 0
	} else {
		t.room -= len(text)
	}
	_, t.failed = io.WriteString(t.to, text)
}

// say adds a line of the runner's own.
func (t *trace) say(format string, args ...any) { _, _ = fmt.Fprintf(t, format+"\n", args...) }
