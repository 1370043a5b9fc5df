package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/duolog/duolog/handlers/adapter/webhook/standard"
)

// maxBody is more than Duolog sends.
const maxBody = 64 << 10

// receiver takes each message once.
type receiver struct {
	keys []standard.Key
	out  io.Writer
	now  func() time.Time

	mu sync.Mutex
	// ids are the messages that were taken; file holds them over a restart.
	ids  map[string]bool
	file *os.File
}

func open(path string, out io.Writer, now func() time.Time, keys ...standard.Key) (*receiver, error) {
	before, err := os.ReadFile(path) //nolint:gosec // whoever starts it names the file
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	r := &receiver{keys: keys, out: out, now: now, ids: map[string]bool{}}
	for id := range strings.FieldsSeq(string(before)) {
		r.ids[id] = true
	}
	r.file, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // as above
	return r, err
}

func (r *receiver) close() { _ = r.file.Close() }

// ServeHTTP answers 2xx for what was taken, now or before, and only then.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	id, err := standard.Verify(req.Header, body, r.now(), r.keys...)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	if err := r.take(id, body); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// take does what the message is for, once: here it is printed. The id is
// remembered after that. A crash in between does it again; where that must not
// be, both belong into one transaction.
func (r *receiver) take(id string, body []byte) error {
	var message struct {
		Type string
		Data struct {
			Number int64
			Status string
			Error  string
			Text   string
		}
	}
	if err := json.Unmarshal(body, &message); err != nil {
		return fmt.Errorf("read message %s: %w", id, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids[id] {
		_, err := fmt.Fprintln(r.out, id, "again, not taken twice")
		return err
	}
	d := message.Data
	if _, err := fmt.Fprintf(r.out, "%s %s workflow %d %s\n", id, message.Type, d.Number, strings.Join(strings.Fields(d.Status+" "+d.Error+" "+d.Text), " ")); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(r.file, id); err != nil {
		return err
	}
	r.ids[id] = true
	return r.file.Sync()
}
