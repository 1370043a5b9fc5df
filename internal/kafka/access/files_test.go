package access_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/internal/kafka/access"
	"github.com/duolog/duolog/internal/kafka/access/accesstest"
)

// TestFilesThatCannotBeUsed: each ends with the setting, the reason and a fix.
func TestFilesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	authority := accesstest.NewAuthority(t)
	cert, key := authority.Files(authority.Issue("node", time.Hour))
	_, otherKey := authority.Files(authority.Issue("node", time.Hour))
	open := accesstest.WriteFile(t, "open", []byte("-----BEGIN"))
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		s           access.Settings
		field, says string
	}{
		{access.Settings{CA: "/nowhere.pem"}, "kafka_ca", "no such file"},
		{access.Settings{CA: key}, "kafka_ca", "holds no certificate"},
		{access.Settings{Cert: "/nowhere.pem", Key: key}, "kafka_cert", "no such file"},
		{access.Settings{Cert: cert, Key: "/nowhere.pem"}, "kafka_key", "there is no key file"},
		{access.Settings{Cert: cert, Key: open}, "kafka_key", "open to others"},
		{access.Settings{Cert: cert, Key: otherKey}, "kafka_cert", "cannot be used"},
	} {
		_, err := test.s.ClientTLS()
		got, ok := errors.AsType[*domain.Error](err)
		if !ok || got.Field != test.field || !strings.Contains(got.Message, test.says) || got.Fix == "" {
			t.Errorf("%+v: %v", test.s, err)
		}
	}
	if cfg, err := (access.Settings{}).ClientTLS(); cfg != nil || err != nil {
		t.Errorf("TLS that nobody asked for: %v, %v", cfg, err)
	}
	if cfg, err := (access.Settings{TLS: true}).ClientTLS(); err != nil || cfg.RootCAs != nil {
		t.Errorf("the machine's authorities are not used: %v, %v", cfg, err)
	}
}

// TestNewFilesCountWithoutARestart: a certificate is read for each handshake, a
// password for each exchange.
func TestNewFilesCountWithoutARestart(t *testing.T) {
	t.Parallel()
	authority := accesstest.NewAuthority(t)
	cert, key := authority.Files(authority.Issue("old", time.Hour))
	s := access.Settings{Cert: cert, Key: key, User: "u", PasswordFile: accesstest.WriteFile(t, "password", []byte("old\n"))}
	cfg, err := s.ClientTLS()
	if err != nil {
		t.Fatal(err)
	}
	fresh := authority.Issue("new", time.Hour)
	newCert, newKey := authority.Files(fresh)
	for from, to := range map[string]string{newCert: cert, newKey: key, accesstest.WriteFile(t, "password", []byte("new\n")): s.PasswordFile} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	shown, err := cfg.GetClientCertificate(nil)
	if err != nil || string(shown.Certificate[0]) != string(fresh.Certificate[0]) {
		t.Errorf("the old certificate is shown (%v)", err)
	}
	password, err := s.Password()
	if err != nil || password.Reveal() != "new" {
		t.Errorf("the old password is used (%v)", err)
	}
}
