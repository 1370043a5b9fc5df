package gitlab

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/adapter/webhook/standard"
)

// maxHook bounds the body of a hook.
const maxHook = 1 << 20

// Hook takes the pipeline and job events of a GitLab instance.
type Hook struct {
	// Secret is what GitLab sends as X-Gitlab-Token, Key what it signs with. A hook
	// that is signed is judged by its signature; one of the two is needed.
	Secret string
	Key    *standard.Key
	// Ask looks how the run of a workflow is.
	Ask    func(ctx context.Context, workflow domain.StreamID) error
	Logger *slog.Logger
	Now    func() time.Time
}

// event is what the product reads of a hook.
type event struct {
	Kind       string `json:"object_kind"`
	Attributes struct {
		Ref string `json:"ref"`
	} `json:"object_attributes"`
	// Ref is where a job event has it.
	Ref string `json:"ref"`
}

// Take looks at the run that a hook is about, and says how the request is answered:
// nil when there is nothing more to do. A repeat does nothing new, an error brings
// the hook again.
func (h Hook) Take(r *http.Request) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxHook+1))
	if err != nil {
		return domain.InvalidField("body", "the body of the hook could not be read", "send it again")
	}
	if len(body) > maxHook {
		return &domain.Error{Code: domain.CodeTooLarge, Message: "the body of the hook is larger than 1 MiB", Fix: "send pipeline and job events only"}
	}
	if err := h.verify(r.Header, body); err != nil {
		return err
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		return domain.InvalidField("body", "the body of the hook is no JSON", "let GitLab send it")
	}
	ref := e.Attributes.Ref
	if e.Kind == "build" {
		ref = e.Ref
	}
	workflow, ours := workflowOf(ref)
	if !ours {
		return nil
	}
	if err := h.Ask(r.Context(), workflow); err != nil {
		h.Logger.WarnContext(r.Context(), "run of a hook not looked at", slog.String("stream", workflow.String()), slog.Any("error", err))
		return &domain.Error{Code: domain.CodeNotNow, Message: "the run could not be looked at", Fix: "send the hook again", Err: err}
	}
	return nil
}

var errUnsigned = errors.New("neither a signature nor a token of the hook fits")

// verify tells hooks of the instance from everybody else's.
func (h Hook) verify(header http.Header, body []byte) error {
	err := errUnsigned
	switch signature := header.Get("Webhook-Signature"); {
	case h.Key != nil && signature != "":
		_, err = standard.Verify(header, body, h.Now(), *h.Key)
	case h.Secret != "" && same(header.Get("X-Gitlab-Token"), h.Secret):
		return nil
	}
	if err == nil {
		return nil
	}
	return &domain.Error{
		Code: domain.CodeUnauthenticated, Message: "the hook does not come from the GitLab that is configured",
		Fix: "give the hook in GitLab the secret token, or the signing token, of the configuration", Err: err,
	}
}

// same compares in a time that tells nothing of the secret.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
