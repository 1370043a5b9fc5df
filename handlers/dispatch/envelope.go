package dispatch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
)

// Envelope is a command that a node puts on topic duolog.commands. Its record key is
// Stream, so that the commands of one stream keep their order.
type Envelope struct {
	// ID is the memory of idempotency: the same id is one command, for ever.
	ID uuid.UUID `json:"id"`
	// Type and V name an entry of the registries: workflow.start, 1.
	Type string `json:"type"`
	V    int    `json:"v"`
	// Stream is tenant/kind/id, in canonical form.
	Stream    string           `json:"stream"`
	Principal domain.Principal `json:"principal"`
	// Hash is the SHA-256 of what came under the client's key; zero without one.
	Hash journal.Hash `json:"hash,omitzero"`
	// Data is the command. Its bytes are kept: a checkpoint must come back as
	// it was sent.
	Data json.RawMessage `json:"data"`
}

// NewEnvelope wraps the command of a request.
func NewEnvelope(r Request) (Envelope, error) {
	e := Envelope{ID: r.CommandID, V: 1, Stream: r.Stream.String(), Principal: r.Principal, Hash: r.Hash}
	var err error
	switch {
	case r.Workflow != nil:
		e.Type = r.Workflow.CommandType()
		e.Data, err = encodeCommand(r.Workflow)
	case r.Conversation != nil:
		e.Type = r.Conversation.CommandType()
		e.Data, err = encodeCommand(r.Conversation)
	case r.Directory != nil:
		e.Type = r.Directory.CommandType()
		e.Data, err = encodeCommand(r.Directory)
	default:
		return Envelope{}, fmt.Errorf("command %s for %s: no command", r.CommandID, e.Stream)
	}
	if err != nil {
		return Envelope{}, fmt.Errorf("encode %s for %s: %w", e.Type, e.Stream, err)
	}
	return e, nil
}

// Encode writes the envelope with the bytes of Data as they are: encoding/json
// would take the space out of them.
func (e Envelope) Encode() ([]byte, error) {
	data := e.Data
	e.Data = json.RawMessage("0")
	head, err := plainJSON(e)
	if err != nil {
		return nil, fmt.Errorf("encode envelope %s: %w", e.ID, err)
	}
	return put(head, "data", data), nil
}

// DecodeEnvelope reads what Encode wrote. It returns
// invalid_body for anything else.
func DecodeEnvelope(b []byte) (Envelope, error) {
	var e Envelope
	if !utf8.Valid(b) {
		return e, badEnvelope("the envelope is not UTF-8", nil)
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return e, badEnvelope("the envelope is not a JSON object of that shape", err)
	}
	if e.ID == uuid.Nil {
		return e, domain.InvalidField("id", "id must be a UUID of the command's own", "make a new UUID for each command, and keep it for repeats")
	}
	return e, nil
}

// Request is the command the envelope carries. It returns invalid_field or
// invalid_body for one that this build does not take.
func (e Envelope) Request() (Request, error) {
	r := Request{CommandID: e.ID, Hash: e.Hash, Principal: e.Principal}
	var err error
	if r.Stream, err = domain.ParseStreamID(e.Stream); err != nil {
		return r, domain.InvalidField("stream", err.Error(), "send tenant/kind/id")
	}
	into := e.command(&r)
	if into == nil {
		return r, domain.InvalidField("type", fmt.Sprintf("%.80q is no command of a %s", journal.TypeName(e.Type, e.V), r.Stream.Kind), "see schemas/commands for those there are")
	}
	if len(e.Data) == 0 || e.Data[0] != '{' {
		return r, domain.InvalidField("data", "data must be an object", "send the fields of the command")
	}
	if err := json.Unmarshal(e.Data, into); err != nil {
		return r, badEnvelope("data is not a "+e.Type, err)
	}
	return r, nil
}

// command makes the empty command of the envelope's type and sets it in r; nil
// where the stream's kind has none.
func (e Envelope) command(r *Request) any {
	switch r.Stream.Kind {
	case domain.KindWorkflow:
		for _, row := range workflow.Commands() {
			if row.Type == e.Type && row.V == e.V {
				r.Workflow = row.New()
				return r.Workflow
			}
		}
	case domain.KindConversation:
		for _, row := range conversation.Commands() {
			if row.Type == e.Type && row.V == e.V {
				r.Conversation = row.New()
				return r.Conversation
			}
		}
	case domain.KindNamespace, domain.KindUser:
		for _, row := range directory.Commands() {
			if c := row.New(); row.Type == e.Type && row.V == e.V && c.Kind() == r.Stream.Kind {
				r.Directory = c
				return c
			}
		}
	}
	return nil
}

func badEnvelope(message string, err error) error {
	return &domain.Error{Code: domain.CodeInvalidBody, Message: message, Fix: "see schemas/commands for the format", Err: err}
}

// encodeCommand writes a command. The bytes of a checkpoint are kept as well.
func encodeCommand(command any) (json.RawMessage, error) {
	c, ok := command.(*workflow.SaveCheckpoint)
	if !ok {
		return plainJSON(command)
	}
	rest := *c
	rest.Checkpoint, rest.Metadata = json.RawMessage("0"), json.RawMessage("0")
	out, err := plainJSON(&rest)
	if err != nil {
		return nil, err
	}
	// The later member first: what is put in may look like a member itself.
	return put(put(out, "metadata", c.Metadata), "checkpoint", c.Checkpoint), nil
}

// put gives the first member of that name, which is 0, its bytes. A string
// before it cannot look like it: its quotes are escaped.
func put(object []byte, name string, raw []byte) []byte {
	before, after, _ := bytes.Cut(object, []byte(`"`+name+`":0`))
	return slices.Concat(before, []byte(`"`+name+`":`), raw, after)
}

func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
