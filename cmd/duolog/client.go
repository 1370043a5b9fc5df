package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/routing"
	"github.com/duolog/duolog/domain/trigger"
	"github.com/duolog/duolog/domain/workflow"
)

// client speaks the public API, as anybody's client would.
type client struct {
	base  string
	token string
	http  *http.Client
	retry retry
	// pause is how long it waits before it asks for a stream anew.
	pause time.Duration
}

func newClient(base, token string) *client {
	return &client{base: strings.TrimRight(base, "/"), token: token, http: &http.Client{Timeout: 40 * time.Second}, pause: streamPause}
}

// apiError is the error shape of the API.
type apiError struct {
	Code      domain.Code `json:"code"`
	Message   string      `json:"message"`
	Field     string      `json:"field"`
	Fix       string      `json:"fix"`
	RequestID string      `json:"request_id"`
}

// call sends one request and reads the answer into out; a patient client sends
// it again while the server is away. Headers are pairs.
func (c *client) call(ctx context.Context, method, path string, body, out any, headers ...string) error {
	err := c.retry.do(ctx, func() error { return c.once(ctx, method, path, body, out, headers...) })
	if errors.Is(err, syscall.ECONNREFUSED) {
		return problem{"nothing answers at " + c.base, "start it: duolog dev, in another terminal"}
	}
	return err
}

// show reads a document into out. Where JSON is asked for it prints it as it came
// instead, and says so.
func (c *client) show(ctx context.Context, a app, path string, asJSON bool, what string, out any) (printed bool, err error) {
	var raw json.RawMessage
	if err := c.call(ctx, http.MethodGet, path, nil, &raw); err != nil {
		return false, err
	}
	if asJSON {
		_, err = fmt.Fprintln(a.out, string(raw))
		return true, err
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return false, fmt.Errorf("read %s: %w", what, err)
	}
	return false, nil
}

func (c *client) once(ctx context.Context, method, path string, body, out any, headers ...string) error {
	var reader io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
		reader = bytes.NewReader(b)
	}
	req, err := c.request(ctx, method, path, reader)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer res.Body.Close() //nolint:errcheck // read to its end below
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode >= 300 {
		return readError(res.StatusCode, raw)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	return nil
}

// request is one that says who asks.
func (c *client) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, problem{err.Error(), "check the address of the API"}
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	return req, nil
}

func readError(status int, raw []byte) error {
	var e apiError
	if json.Unmarshal(raw, &e) != nil || e.Code == "" {
		if status >= http.StatusBadGateway && status <= http.StatusGatewayTimeout {
			return &domain.Error{Code: domain.CodeNotNow, Message: fmt.Sprintf("what stands before the API answered %d", status), Fix: "try again; duolog doctor says more"}
		}
		return problem{fmt.Sprintf("the API answered %d: %s", status, clipText(string(raw), 200)), "check that the address is that of Duolog"}
	}
	return &domain.Error{Code: e.Code, Message: e.Message, Field: e.Field, Fix: e.Fix}
}

// outgoing is a message that ask sends.
type outgoing struct {
	Text      string `json:"text"`
	Thread    string `json:"thread,omitempty"`
	Channel   string `json:"channel,omitempty"`
	MessageID string `json:"message_id"`
	Author    string `json:"author,omitempty"`
	Flow      string `json:"flow,omitempty"`
}

// sent is the answer to a message.
type sent struct {
	CommandID    uuid.UUID `json:"command_id"`
	Conversation uuid.UUID `json:"conversation_id"`
	MessageID    string    `json:"message_id"`
}

func (c *client) send(ctx context.Context, m outgoing) (sent, error) {
	var out sent
	return out, c.call(ctx, http.MethodPost, "/v1/messages", m, &out)
}

// received is a message as the conversation shows it.
type received struct {
	MessageID string     `json:"message_id"`
	Workflow  *uuid.UUID `json:"workflow"`
	Number    *int64     `json:"workflow_number"`
	Mode      string     `json:"mode"`
	Refused   *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Fix     string `json:"fix"`
		// Trigger is how far the trigger came, where it is what was refused.
		Trigger *trigger.Record `json:"trigger"`
	} `json:"refused"`
}

// message waits until the message of the conversation went somewhere.
func (c *client) message(ctx context.Context, s sent) (received, error) {
	for {
		var out struct {
			Messages []received `json:"messages"`
		}
		err := c.call(ctx, http.MethodGet, "/v1/conversations/"+s.Conversation.String()+"?wait=10&message_id="+url.QueryEscape(s.MessageID), nil, &out)
		if err != nil && domain.CodeOf(err) != domain.CodeNotFound {
			return received{}, err
		}
		for _, m := range out.Messages {
			if m.MessageID == s.MessageID && (m.Refused != nil || m.Workflow != nil && *m.Workflow != uuid.Nil) {
				return m, nil
			}
		}
		if ctx.Err() != nil {
			return received{}, ctx.Err()
		}
	}
}

const workflowsPath = "/api/v4/ai/duo_workflows/workflows"

// workflowView is the part of a workflow's entity that the tools show.
type workflowView struct {
	ID         int64     `json:"id"`
	UUID       uuid.UUID `json:"uuid"`
	Status     string    `json:"status"`
	Title      string    `json:"title"`
	Goal       string    `json:"goal"`
	Definition string    `json:"workflow_definition"`
	Engine     string    `json:"engine"`
	Reason     string    `json:"reason"`
	Project    string    `json:"project_path"`
	Namespace  string    `json:"namespace_path"`
	Source     string    `json:"source"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`

	FlowVersion   string `json:"flow_version"`
	FlowConfigID  string `json:"flow_config_id"`
	FlowSchema    string `json:"flow_config_schema_version"`
	SelectedModel string `json:"selected_model_metadata_json"`
	ChosenModel   string `json:"chosen_model_metadata_json"`

	Principal domain.Principal `json:"principal"`
	Workload  *struct {
		ID  string `json:"id"`
		URL string `json:"url"`
	} `json:"workload"`
	Run *struct {
		ID    uuid.UUID `json:"id"`
		Epoch int       `json:"epoch"`
		Kind  string    `json:"kind"`
		Phase string    `json:"phase"`

		Engine  string            `json:"engine"`
		Compute *workflow.Compute `json:"compute"`
	} `json:"run"`
	Placement *workflow.EngineChosen `json:"placement"`
	Compute   *workflow.Used         `json:"compute"`
	Thread    string                 `json:"thread"`
	Routing   *routing.Decision      `json:"routing"`
	Origin    *struct {
		Workflow   uuid.UUID `json:"workflow"`
		Position   string    `json:"position"`
		Checkpoint uuid.UUID `json:"checkpoint"`
		NS         string    `json:"checkpoint_ns"`
	} `json:"origin"`
	Import *struct {
		Stream  string     `json:"stream"`
		Commits int        `json:"commits"`
		Done    int        `json:"done"`
		EndedAt *time.Time `json:"ended_at"`
	} `json:"import"`
}

func (c *client) workflow(ctx context.Context, id string) (workflowView, error) {
	var w workflowView
	return w, c.call(ctx, http.MethodGet, workflowsPath+"/"+url.PathEscape(id), nil, &w)
}

// timelineEvent is one event of a workflow's timeline.
type timelineEvent struct {
	Position  string            `json:"position"`
	Index     int               `json:"index"`
	ID        string            `json:"id"`
	Time      time.Time         `json:"time"`
	Type      string            `json:"type"`
	V         int               `json:"v"`
	Principal domain.Principal  `json:"principal"`
	Data      json.RawMessage   `json:"data"`
	Text      map[string]string `json:"text"`
}

// read reads what the event says; false where it cannot be read.
func (e timelineEvent) read(into any) bool { return json.Unmarshal(e.Data, into) == nil }

// timelinePage is what follows a position.
type timelinePage struct {
	Events []timelineEvent `json:"events"`
	Next   string          `json:"next"`
}

func (c *client) timeline(ctx context.Context, id, at, after string, wait int) (timelinePage, error) {
	query := url.Values{"limit": {"200"}}
	if at != "" {
		query.Set("at", at)
	}
	if after != "" {
		query.Set("after", after)
	}
	if wait > 0 {
		query.Set("wait", fmt.Sprint(wait))
	}
	var out timelinePage
	return out, c.call(ctx, http.MethodGet, workflowsPath+"/"+url.PathEscape(id)+"/timeline?"+query.Encode(), nil, &out)
}

// chatEntry is one entry of a checkpoint's ui_chat_log.
type chatEntry struct {
	Type    string `json:"message_type"`
	SubType string `json:"message_sub_type"`
	Content string `json:"content"`
	ID      string `json:"message_id"`
	Status  string `json:"status"`
	Tool    *struct {
		Name     string          `json:"name"`
		Args     json.RawMessage `json:"args"`
		Response string          `json:"tool_response"`
	} `json:"tool_info"`
}

// trouble is why the use of a tool failed, or was not allowed; empty where it went well.
func (e chatEntry) trouble() string {
	if e.Status != "failure" || e.Tool == nil {
		return ""
	}
	return clipText(strings.Join(strings.Fields(e.Tool.Response), " "), maxTrouble)
}

// maxTrouble is how much is shown of it.
const maxTrouble = 400

// chat is the chat log of the newest checkpoint of the root namespace, or what the
// messages of a LangGraph agent come to as one. A state that has neither has no log.
func (c *client) chat(ctx context.Context, id string) ([]chatEntry, error) {
	var rows []struct {
		Checkpoint struct {
			Channels struct {
				Chat     json.RawMessage `json:"ui_chat_log"`
				Messages json.RawMessage `json:"messages"`
			} `json:"channel_values"`
		} `json:"checkpoint"`
	}
	err := c.call(ctx, http.MethodGet, workflowsPath+"/"+url.PathEscape(id)+"/checkpoints?per_page=1&checkpoint_ns=", nil, &rows)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	channels := rows[0].Checkpoint.Channels
	var log []chatEntry
	if json.Unmarshal(channels.Chat, &log) == nil {
		return log, nil
	}
	return chatOf(channels.Messages), nil
}
