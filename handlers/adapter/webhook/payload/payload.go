package payload

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// The types of events.
const (
	Started          = "flow.started"
	Completed        = "flow.completed"
	Failed           = "flow.failed"
	InputRequired    = "flow.input_required"
	ApprovalRequired = "flow.approval_required"
	Progress         = "flow.progress"
)

// Types lists what a hook can subscribe to.
func Types() []string {
	return []string{Started, Completed, Failed, InputRequired, ApprovalRequired, Progress}
}

// MaxBody bounds a body, in bytes.
const MaxBody = 20 << 10

// maxPayload is the same without the id that leads a body.
const maxPayload = MaxBody - 64

// Payload is what happened.
type Payload struct {
	Type string `json:"type"`
	// Timestamp is when it happened.
	Timestamp time.Time `json:"timestamp"`
	Data      Data      `json:"data"`
}

// Data is the workflow that it happened to.
type Data struct {
	Workflow        uuid.UUID `json:"workflow"`
	Number          int64     `json:"number"`
	Flow            string    `json:"flow"`
	Title           string    `json:"title,omitempty"`
	ClientReference string    `json:"client_reference,omitempty"`
	// Status is where the workflow stands.
	Status string `json:"status"`
	// Error is the stable reason of a failure, Reason what was said of it.
	Error  string `json:"error,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Text is what the agent said, in Markdown; Cut says that there is more.
	Text string `json:"text,omitempty"`
	Cut  bool   `json:"cut,omitempty"`
	// Checkpoint is the step that was made.
	Checkpoint string `json:"checkpoint,omitempty"`
	// URL has the whole of it.
	URL string `json:"url"`
}

// Link is the URL of a workflow at an API.
func Link(api string, number int64) string {
	return fmt.Sprintf("%s/api/v4/ai/duo_workflows/workflows/%d", api, number)
}

// Encode is the payload as JSON, its text cut to what fits.
func (p Payload) Encode() (json.RawMessage, error) {
	p.Timestamp = p.Timestamp.UTC()
	if len(p.Data.Text) > maxPayload {
		p.Data.Text, p.Data.Cut = prefix(p.Data.Text, maxPayload), true
	}
	for {
		raw, err := encode(p)
		over := len(raw) - maxPayload
		if err != nil || over <= 0 {
			return raw, err
		}
		if p.Data.Text == "" {
			return nil, fmt.Errorf("a payload without text has %d bytes", len(raw))
		}
		// A byte of text takes up to six of JSON.
		p.Data.Text, p.Data.Cut = prefix(p.Data.Text, len(p.Data.Text)-max(1, over/6)), true
	}
}

// encode leaves out the escapes for HTML: the text is read by people too.
func encode(p Payload) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(p); err != nil {
		return nil, fmt.Errorf("encode what a hook is told: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// prefix is at most that many bytes of a text, cut between characters.
func prefix(text string, most int) string {
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// Body is what is sent: the payload under the id of the delivery, the same for
// every attempt.
func Body(id uuid.UUID, payload json.RawMessage) []byte {
	if len(payload) < 2 || payload[0] != '{' {
		payload = json.RawMessage(`{}`)
	}
	head := `{"id":"` + id.String() + `"`
	if payload[1] != '}' {
		head += ","
	}
	return append([]byte(head), payload[1:]...)
}
