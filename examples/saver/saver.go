// Package saver keeps checkpoints in Duolog over HTTP: what a saver in another language
// comes to. docs/langgraph.md explains the format.
package saver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Saver calls one server as one tenant.
type Saver struct{ URL, Token string }

// Value says where the bytes of a channel stand behind the line of JSON.
type Value struct {
	Channel string `json:"channel"`
	Value   struct {
		Type string `json:"type"`
		At   int    `json:"at"`
		Size int    `json:"size"`
	} `json:"value"`
}

// Checkpoint is one; Values speak of the bytes that go with it.
type Checkpoint struct {
	ID       string          `json:"checkpoint_id"`
	Parent   *string         `json:"parent_checkpoint_id"`
	Header   json.RawMessage `json:"checkpoint"`
	Metadata json.RawMessage `json:"metadata"`
	Values   []Value         `json:"values"`
}

// Put saves a checkpoint; a repeat of it bears the same key.
func (s Saver) Put(ctx context.Context, thread, key string, c Checkpoint, tail []byte) error {
	var out struct {
		Results []struct{ Error json.RawMessage }
	}
	ask := map[string]any{"thread_id": thread, "operations": []any{map[string]any{"key": key, "put": c}}}
	if _, err := s.call(ctx, "write", ask, tail, &out); err != nil {
		return err
	}
	if out.Results[0].Error != nil {
		return fmt.Errorf("put %s: %s", c.ID, out.Results[0].Error)
	}
	return nil
}

// Get is the newest checkpoint of a thread with its bytes; nil for none.
func (s Saver) Get(ctx context.Context, thread string) (*Checkpoint, []byte, error) {
	var out struct{ Checkpoint *Checkpoint }
	tail, err := s.call(ctx, "get", map[string]any{"thread_id": thread}, nil, &out)
	return out.Checkpoint, tail, err
}

// call sends a line of JSON with the bytes behind it, and reads the same.
func (s Saver) call(ctx context.Context, name string, ask any, tail []byte, into any) ([]byte, error) {
	line, err := json.Marshal(ask)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/v1/threads/"+name, io.MultiReader(bytes.NewReader(append(line, '\n')), bytes.NewReader(tail)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r.Header.Set("Authorization", "Bearer "+s.Token)
	r.Header.Set("Content-Type", "application/vnd.duolog.values")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s %s", name, answer.Status, got)
	}
	line, tail, _ = bytes.Cut(got, []byte("\n"))
	return tail, json.Unmarshal(line, into)
}
