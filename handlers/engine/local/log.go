package local

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

const mask = "[masked]"

// logWriter writes what a program says to its log: secrets of the run masked,
// and no more than room bytes. It never fails and never blocks the program:
// what does not fit is counted and dropped.
type logWriter struct {
	out     io.Writer
	secrets [][]byte
	room    int64
	dropped int64
	// held is the end of what was written so far that may be the beginning of
	// a secret.
	held []byte
}

func newLogWriter(out io.Writer, room int64, env []string) *logWriter {
	return &logWriter{out: out, room: room, secrets: secretsOf(env)}
}

// secretsOf picks the values whose names say that they are secret. Short ones
// would mask ordinary text.
func secretsOf(env []string) [][]byte {
	var secrets [][]byte
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		name = strings.ToUpper(name)
		for _, word := range []string{"TOKEN", "PASSWORD", "SECRET", "KEY"} {
			if strings.Contains(name, word) && len(value) >= 8 {
				secrets = append(secrets, []byte(value))
				break
			}
		}
	}
	return secrets
}

// Write implements io.Writer.
func (w *logWriter) Write(p []byte) (int, error) {
	text := append(w.held, p...)
	for _, secret := range w.secrets {
		text = bytes.ReplaceAll(text, secret, []byte(mask))
	}
	cut := len(text) - w.partial(text)
	w.put(text[:cut])
	w.held = append([]byte(nil), text[cut:]...)
	return len(p), nil
}

// Close writes what was held back, and the note about what was dropped.
func (w *logWriter) Close() {
	w.put(w.held)
	w.held = nil
	if w.dropped > 0 {
		_, _ = fmt.Fprintf(w.out, "\n[duolog: the log is full, %d bytes were dropped]\n", w.dropped)
	}
}

// partial is the length of the longest end of text that begins a secret.
func (w *logWriter) partial(text []byte) int {
	longest := 0
	for _, secret := range w.secrets {
		for n := min(len(secret)-1, len(text)); n > longest; n-- {
			if bytes.HasSuffix(text, secret[:n]) {
				longest = n
			}
		}
	}
	return longest
}

func (w *logWriter) put(text []byte) {
	take := min(int64(len(text)), w.room)
	w.dropped += int64(len(text)) - take
	w.room -= take
	if take > 0 {
		_, _ = w.out.Write(text[:take]) // a full disk must not stop the agent
	}
}
