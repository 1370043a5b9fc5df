package agent

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// session is the workflow as this run sees it: its status and the state in its
// latest checkpoint.
type session struct {
	api *client
	now func() time.Time

	// status is the workflow's when the run began.
	status string
	// parent is the latest checkpoint; nil before the first.
	parent *string
	// step is the number of the next checkpoint.
	step int
	// channels are kept as they came, also those this agent does not know.
	channels map[string]json.RawMessage
	// log is the channel ui_chat_log; entries that are there are never rewritten.
	log []json.RawMessage
}

// entry is one line of the conversation.
type entry struct {
	MessageType       string    `json:"message_type"`
	MessageSubType    *string   `json:"message_sub_type"`
	Content           string    `json:"content"`
	Timestamp         string    `json:"timestamp"`
	Status            *string   `json:"status"`
	CorrelationID     *string   `json:"correlation_id"`
	MessageID         string    `json:"message_id"`
	ToolInfo          *toolInfo `json:"tool_info"`
	AdditionalContext *string   `json:"additional_context"`
}

type toolInfo struct {
	Name         string         `json:"name"`
	Args         map[string]any `json:"args"`
	ToolResponse string         `json:"tool_response"`
}

type metadata struct {
	Source  string         `json:"source"`
	Step    int            `json:"step"`
	Parents map[string]any `json:"parents"`
}

type checkpoint struct {
	V               int                        `json:"v"`
	ID              string                     `json:"id"`
	TS              string                     `json:"ts"`
	ChannelValues   map[string]json.RawMessage `json:"channel_values"`
	ChannelVersions map[string]string          `json:"channel_versions"`
	VersionsSeen    map[string]any             `json:"versions_seen"`
}

// open reads where the workflow stands.
func (s *session) open(ctx context.Context) error {
	var workflow struct {
		Status string `json:"status"`
	}
	if err := s.api.call(ctx, http.MethodGet, "", nil, &workflow); err != nil {
		return err
	}
	s.status, s.step, s.channels = workflow.Status, -1, map[string]json.RawMessage{}
	var rows []struct {
		ThreadTS   string      `json:"thread_ts"`
		Metadata   metadata    `json:"metadata"`
		Checkpoint *checkpoint `json:"checkpoint"`
		Compressed string      `json:"compressed_checkpoint"`
	}
	if err := s.api.call(ctx, http.MethodGet, "/checkpoints?per_page=1", nil, &rows); err != nil {
		return err
	}
	if len(rows) == 0 {
		return nil
	}
	latest := rows[0]
	if latest.Checkpoint == nil {
		c, err := inflate(latest.Compressed)
		if err != nil {
			return fmt.Errorf("read checkpoint %s: %w", latest.ThreadTS, err)
		}
		latest.Checkpoint = c
	}
	s.parent, s.step = &latest.ThreadTS, latest.Metadata.Step+1
	return s.adopt(latest.Checkpoint.ChannelValues)
}

func (s *session) adopt(channels map[string]json.RawMessage) error {
	for name, value := range channels {
		if name != "__start__" {
			s.channels[name] = value
		}
	}
	if log, ok := s.channels["ui_chat_log"]; ok {
		if err := json.Unmarshal(log, &s.log); err != nil {
			return fmt.Errorf("read ui_chat_log of checkpoint %s: %w", *s.parent, err)
		}
	}
	return nil
}

func inflate(compressed string) (*checkpoint, error) {
	if compressed == "" {
		return nil, errors.New("the row has no checkpoint")
	}
	r, err := zlib.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader([]byte(compressed))))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(r, maxAnswer))
	if err != nil {
		return nil, err
	}
	c := &checkpoint{}
	return c, json.Unmarshal(body, c)
}

// event tells the server what the run does with the workflow.
func (s *session) event(ctx context.Context, name string) error {
	return s.api.call(ctx, http.MethodPatch, "", map[string]string{"status_event": name}, nil)
}

// begin says that this run has taken up the workflow, from whatever it was.
func (s *session) begin(ctx context.Context) error {
	switch s.status {
	case "created":
		return s.event(ctx, "start")
	case "paused", "idle", "input_required", "plan_approval_required", "tool_call_approval_required":
		return s.event(ctx, "resume")
	default:
		return s.event(ctx, "retry")
	}
}

// say appends to the conversation; save makes it durable.
func (s *session) say(e entry) error {
	e.Timestamp = s.now().UTC().Format(time.RFC3339Nano)
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make message id: %w", err)
	}
	e.MessageID = id.String()
	raw, err := encode(e)
	if err != nil {
		return fmt.Errorf("write message: %w", err)
	}
	s.log = append(s.log, raw)
	return s.set("ui_chat_log", s.log)
}

func (s *session) set(channel string, value any) error {
	raw, err := encode(value)
	if err != nil {
		return fmt.Errorf("write channel %s: %w", channel, err)
	}
	s.channels[channel] = raw
	return nil
}

// save posts the state as the next checkpoint. A repeat carries the same id and
// is no second step; a crash before the answer loses at most this step.
func (s *session) save(ctx context.Context, source string) error {
	return s.post(ctx, source, s.channels)
}

// saveStart posts the first checkpoint, which holds only what came in.
func (s *session) saveStart(ctx context.Context, goal string) error {
	raw, err := encode(map[string]string{"goal": goal})
	if err != nil {
		return fmt.Errorf("write channel __start__: %w", err)
	}
	return s.post(ctx, "input", map[string]json.RawMessage{"__start__": raw})
}

func (s *session) post(ctx context.Context, source string, channels map[string]json.RawMessage) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make checkpoint id: %w", err)
	}
	threadTS := id.String()
	versions := map[string]string{}
	for name := range channels {
		versions[name] = strconv.Itoa(s.step + 2)
	}
	body := map[string]any{
		"thread_ts": threadTS,
		"parent_ts": s.parent,
		"metadata":  metadata{Source: source, Step: s.step, Parents: map[string]any{}},
		"checkpoint": checkpoint{
			V: 4, ID: threadTS, TS: s.now().UTC().Format(time.RFC3339Nano),
			ChannelValues: channels, ChannelVersions: versions, VersionsSeen: map[string]any{},
		},
	}
	if err := s.api.call(ctx, http.MethodPost, "/checkpoints", body, nil); err != nil {
		return err
	}
	s.parent, s.step = &threadTS, s.step+1
	return nil
}
