package webhook_test

import (
	"os"
	"strings"
	"testing"

	"github.com/duolog/duolog/handlers/adapter/webhook"
	"github.com/duolog/duolog/handlers/adapter/webhook/payload"
)

// Every event and every reason to give up is on the page.
func TestThePageIsComplete(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range append(payload.Types(), webhook.ReasonUnknown, webhook.ReasonDisabled, webhook.ReasonGone, webhook.ReasonForbidden, webhook.ReasonHint) {
		if !strings.Contains(string(page), "`"+word+"`") {
			t.Errorf("docs/webhooks.md lacks %s", word)
		}
	}
}
