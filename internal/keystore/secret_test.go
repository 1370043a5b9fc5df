package keystore_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/internal/keystore"
)

func TestSecretsPrintAsNothing(t *testing.T) {
	t.Parallel()
	const text = "dl_very_secret"
	secret := keystore.Secret(text)
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T %[1]s"} {
		fmt.Fprintf(&out, verb+"\n", secret)
	}
	fmt.Fprintf(&out, "%v %+v\n", struct{ Token keystore.Secret }{secret}, []keystore.Secret{secret})
	asJSON, err := json.Marshal(struct{ Token *keystore.Secret }{&secret})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(asJSON)
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).LogAttrs(t.Context(), slog.LevelInfo, "m", slog.Any("k", secret), slog.Any("list", []keystore.Secret{secret}))
	}
	if s := out.String(); strings.Contains(s, "very") || strings.Contains(s, fmt.Sprintf("%x", "very")) {
		t.Errorf("the secret shows:\n%s", s)
	}
	if secret.Reveal() != text {
		t.Errorf("Reveal does not give the text")
	}
}

func TestReadSecretFile(t *testing.T) {
	t.Parallel()
	p := filepath.Join(t.TempDir(), "token")
	_, err := keystore.ReadSecretFile(p)
	wantCode(t, err, domain.CodeNotFound)
	if err := os.WriteFile(p, []byte("  dl_x \nrest\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	secret, err := keystore.ReadSecretFile(p)
	if err != nil || secret.Reveal() != "dl_x" {
		t.Fatalf("got %q, %v", secret.Reveal(), err)
	}
	if err := os.WriteFile(p, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = keystore.ReadSecretFile(p)
	wantCode(t, err, domain.CodeInvalidField)
	if err := os.Chmod(p, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = keystore.ReadSecretFile(p)
	wantCode(t, err, domain.CodeForbidden)
}
