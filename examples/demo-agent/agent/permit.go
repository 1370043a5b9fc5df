package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// maxArguments is how much of a tool's arguments stands beside the decision about it.
const maxArguments = 1 << 10

// permits asks before a tool is used, and remembers what was allowed for as long as the
// answer says.
type permits struct {
	api   *client
	now   func() time.Time
	until map[string]time.Time
}

// deniedError says that the run may not use a tool; it can go on without it.
type deniedError struct {
	tool  string
	cause *apiError
}

func (e *deniedError) Error() string {
	return fmt.Sprintf("%s is not allowed: %s (%s)", e.tool, e.cause.Message, e.cause.Fix)
}

// ask returns a *deniedError for a tool that may not be used; any other error ends the
// run.
func (p *permits) ask(ctx context.Context, st step) error {
	asked := p.now()
	if asked.Before(p.until[st.Tool]) {
		return nil
	}
	args, err := encode(st.args())
	if err != nil {
		return fmt.Errorf("write the arguments of %s: %w", st.Tool, err)
	}
	var answer struct {
		Valid int `json:"valid_seconds"`
	}
	err = p.api.call(ctx, http.MethodPost, "/tool_calls", map[string]string{"tool": st.Tool, "arguments": clip(string(args), maxArguments)}, &answer)
	if refused, ok := errors.AsType[*apiError](err); ok && refused.Code == "access_denied" {
		return &deniedError{st.Tool, refused}
	}
	if err != nil {
		return err
	}
	p.until[st.Tool] = asked.Add(time.Duration(answer.Valid) * time.Second)
	return nil
}
