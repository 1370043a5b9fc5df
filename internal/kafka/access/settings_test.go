package access_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/internal/kafka/access"
)

// TestWhatCannotWork names each field once, with what to do.
func TestWhatCannotWork(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		s    access.Settings
		want []string
	}{
		{access.Settings{}, nil},
		{access.Settings{TLS: true}, nil},
		{access.Settings{CA: "ca", Cert: "c", Key: "k", ServerName: "n"}, nil},
		{access.Settings{User: "u", PasswordFile: "p"}, nil},
		{access.Settings{User: "u", PasswordFile: "p", SASL: "scram-sha-256"}, nil},
		{access.Settings{User: "u", PasswordFile: "p", SASL: access.Plain, TLS: true}, nil},
		{access.Settings{User: "u", PasswordFile: "p", SASL: access.Plain, CA: "ca"}, nil},
		{access.Settings{User: "u", PasswordFile: "p", SASL: "plain"}, []string{"kafka_sasl"}},
		{access.Settings{User: "u", PasswordFile: "p", SASL: "GSSAPI"}, []string{"kafka_sasl"}},
		{access.Settings{User: "u"}, []string{"kafka_password_file"}},
		{access.Settings{PasswordFile: "p"}, []string{"kafka_user"}},
		{access.Settings{SASL: access.ScramSHA512}, []string{"kafka_user"}},
		{access.Settings{Cert: "c"}, []string{"kafka_key"}},
		{access.Settings{Key: "k"}, []string{"kafka_cert"}},
		{access.Settings{Key: "k", User: "u"}, []string{"kafka_cert", "kafka_password_file"}},
	} {
		var got []string
		for _, p := range test.s.Problems() {
			got = append(got, p.Field)
			if p.Message == "" || p.Fix == "" {
				t.Errorf("%+v: %+v says too little", test.s, p)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test.s, diff)
		}
	}
}

func TestMechanismOfAUser(t *testing.T) {
	t.Parallel()
	for sasl, want := range map[string]string{"": access.ScramSHA512, "scram-sha-256": access.ScramSHA256, "Plain": access.Plain} {
		if got := (access.Settings{User: "u", SASL: sasl}).Mechanism(); got != want {
			t.Errorf("%q is %q, want %q", sasl, got, want)
		}
	}
	if got := (access.Settings{}).Mechanism(); got != "" {
		t.Errorf("nobody has %q", got)
	}
}
