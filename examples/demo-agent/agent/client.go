package agent

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// maxAnswer bounds what is read of one answer of the server.
const maxAnswer = 64 << 20

// client is the public API of one workflow.
type client struct {
	base, token, workflow string
	// trace is the W3C trace context the run is part of, empty for none.
	trace string
	http  *http.Client
	now   func() time.Time
	// delays are the pauses between tries of one request.
	delays []time.Duration
}

// retryDelays add up to about 30 s: longer than a restart of the server takes.
func retryDelays() []time.Duration {
	s := time.Second
	return []time.Duration{s / 4, s / 2, s, 2 * s, 4 * s, 5 * s, 5 * s, 5 * s, 5 * s}
}

// apiError is a refusal: the same request would be refused again.
type apiError struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Fix     string `json:"fix"`
}

func (e *apiError) Error() string {
	text := fmt.Sprintf("%d %s", e.Status, cmp.Or(e.Code, http.StatusText(e.Status)))
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.Fix != "" {
		text += " (" + e.Fix + ")"
	}
	return text
}

// call sends one request until it is answered. A request may arrive twice: every
// one of this agent's is harmless when repeated.
func (c *client) call(ctx context.Context, method, path string, body, into any) error {
	content, err := encode(body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	for try := 0; ; try++ {
		err = c.once(ctx, method, path, content, into)
		if err == nil || ctx.Err() != nil || !passing(err) {
			break
		}
		if try == len(c.delays) {
			err = fmt.Errorf("gave up after %d tries: %w", try+1, err)
			break
		}
		if err := pause(ctx, c.delays[try]); err != nil {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("%s workflow %s%s: %w", method, c.workflow, path, err)
	}
	return nil
}

// passing says whether the next try may fare better: the server is away, or
// says not now.
func passing(err error) bool {
	refused, ok := errors.AsType[*apiError](err)
	return !ok || refused.Status >= 500 || refused.Status == http.StatusTooManyRequests
}

func (c *client) once(ctx context.Context, method, path string, body []byte, into any) error {
	c.keepFresh(ctx)
	return c.send(ctx, method, c.base+"/api/v4/ai/duo_workflows/workflows/"+url.PathEscape(c.workflow)+path, body, into)
}

func (c *client) send(ctx context.Context, method, target string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if c.trace != "" {
		req.Header.Set("Traceparent", c.trace)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if res.StatusCode >= 300 {
		refused := &apiError{Status: res.StatusCode}
		if json.Unmarshal(answer, refused) != nil {
			refused.Message = clip(string(answer), 200)
		}
		return refused
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return &apiError{Status: res.StatusCode, Code: "unreadable_answer", Message: err.Error()}
	}
	return nil
}

// encode writes JSON that stays readable in the log: no escapes of <, > and &.
func encode(v any) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
