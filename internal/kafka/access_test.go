package kafka_test

import (
	"context"
	"crypto/tls"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/internal/kafka/access"
	"github.com/duolog/duolog/internal/kafka/access/accesstest"
)

const saslAuthenticateKey = 36 // of the protocol

// TestWhoIsLetIn: a connection that TLS or SASL ends is an error that names the
// setting and what to do, soon.
func TestWhoIsLetIn(t *testing.T) {
	t.Parallel()
	authority, stranger := accesstest.NewAuthority(t), accesstest.NewAuthority(t)
	server := authority.Issue("kafka.test", time.Hour)
	expired := authority.Issue("kafka.test", -time.Hour)
	cert, key := authority.Files(authority.Issue("node", time.Hour))
	oldCert, oldKey := authority.Files(authority.Issue("node", -time.Hour))
	strangeCert, strangeKey := stranger.Files(stranger.Issue("node", time.Hour))
	ca, password := authority.File(), accesstest.WriteFile(t, "password", []byte("secret\n"))

	withTLS := func(c tls.Certificate) []kfake.Opt {
		return []kfake.Opt{kfake.TLS(&tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{c}})}
	}
	mutual := []kfake.Opt{kfake.TLS(&tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority.Pool(),
	})}
	user := func(mechanism string) []kfake.Opt {
		return append(withTLS(server), kfake.EnableSASL(), kfake.Superuser(mechanism, "mia", "secret"))
	}
	for _, test := range []struct {
		name        string
		cluster     []kfake.Opt
		s           access.Settings
		field, says string // none: it works
	}{
		{"TLS", withTLS(server), access.Settings{CA: ca}, "", ""},
		{"TLS under another name", withTLS(server), access.Settings{CA: ca, ServerName: "kafka.test"}, "", ""},
		{"mutual TLS", mutual, access.Settings{CA: ca, Cert: cert, Key: key}, "", ""},
		{"SCRAM-SHA-512", user(access.ScramSHA512), access.Settings{CA: ca, User: "mia", PasswordFile: password}, "", ""},
		{"SCRAM-SHA-256", user(access.ScramSHA256), access.Settings{CA: ca, User: "mia", PasswordFile: password, SASL: access.ScramSHA256}, "", ""},
		{"PLAIN", user(access.Plain), access.Settings{CA: ca, User: "mia", PasswordFile: password, SASL: access.Plain}, "", ""},

		{"no authority", withTLS(server), access.Settings{TLS: true}, "kafka_ca", "not trusted"},
		{"another authority", withTLS(server), access.Settings{CA: stranger.File()}, "kafka_ca", "not trusted"},
		{"expired broker", withTLS(expired), access.Settings{CA: ca}, "brokers", "not valid now"},
		{"another name", withTLS(server), access.Settings{CA: ca, ServerName: "other.test"}, "kafka_server_name", "other.test"},
		{"no certificate", mutual, access.Settings{CA: ca}, "kafka_cert", "wants a certificate"},
		{"expired certificate", mutual, access.Settings{CA: ca, Cert: oldCert, Key: oldKey}, "kafka_cert", "refuses the certificate"},
		{"a stranger's certificate", mutual, access.Settings{CA: ca, Cert: strangeCert, Key: strangeKey}, "kafka_cert", "refuses the certificate"},
		{"no TLS where it is wanted", withTLS(server), access.Settings{}, "brokers", "its listener for PLAINTEXT"},
		{"nobody where a user is wanted", user(access.ScramSHA512), access.Settings{CA: ca}, "brokers", "its listener for SSL"},
		{"no file", withTLS(server), access.Settings{CA: ca, User: "mia", PasswordFile: "/nowhere"}, "kafka_password_file", "no password file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := identify(t, newCluster(t, test.cluster...).ListenAddrs(), test.s)
			wantRefusal(t, err, test.field, test.says)
		})
	}
}

// TestRefusedPassword: kfake hangs up on a wrong password; this is what
// Apache Kafka answers.
func TestRefusedPassword(t *testing.T) {
	t.Parallel()
	s := access.Settings{User: "mia", PasswordFile: accesstest.WriteFile(t, "password", []byte("wrong\n"))}
	cluster := newCluster(t, kfake.EnableSASL(), kfake.Superuser(access.ScramSHA512, "mia", "secret"))
	wantRefusal(t, identify(t, cluster.ListenAddrs(), s), "brokers", "its listener for SASL_PLAINTEXT")
	cluster.ControlKey(saslAuthenticateKey, func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return resp, nil, true
	})
	err := identify(t, cluster.ListenAddrs(), s)
	wantRefusal(t, err, "kafka_password_file", "refuses user mia")
	if strings.Contains(err.Error(), "wrong") {
		t.Errorf("the password shows: %v", err)
	}
}

// TestANewPasswordCountsForTheNextConnection: it is changed under an open log.
func TestANewPasswordCountsForTheNextConnection(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, kfake.EnableSASL(), kfake.Superuser(access.ScramSHA512, "mia", "new"))
	file := accesstest.WriteFile(t, "password", []byte("old\n"))
	cfg := kafka.Config{Brokers: cluster.ListenAddrs(), Access: access.Settings{User: "mia", PasswordFile: file}}
	s := made(t)(cfg.JournalSarama())
	if err := kafka.Greet(cfg.Brokers[0], s); err == nil {
		t.Fatal("the old password is taken")
	}
	accesstest.Rewrite(t, file, "new\n")
	if err := kafka.Greet(cfg.Brokers[0], s); err != nil {
		t.Errorf("the same client does not take the new password: %v", err)
	}
}

func newCluster(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// identify asks as every command begins, and says how the connection went.
func identify(t *testing.T, brokers []string, s access.Settings) error {
	t.Helper()
	_, err := kafka.Identify(t.Context(), kafka.Config{Brokers: brokers, Prefix: "nowhere", Access: s})
	if got, ok := errors.AsType[*domain.Error](err); ok && got.Field == "" && got.Code == domain.CodeNotFound {
		return nil // there is no journal, and that was asked of Kafka
	}
	return err
}

func wantRefusal(t *testing.T, err error, field, says string) {
	t.Helper()
	if field == "" {
		if err != nil {
			t.Errorf("not let in: %v", err)
		}
		return
	}
	got, ok := errors.AsType[*domain.Error](err)
	if !ok || got.Field != field || !strings.Contains(got.Message, says) || got.Fix == "" {
		t.Errorf("got %+v (%v), want %s: …%s…", got, err, field, says)
	}
}

// TestBrokersAskWhoItIsAgain: connections that are up prove themselves anew, and
// what is on its way over them arrives.
func TestBrokersAskWhoItIsAgain(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cluster := newCluster(t, kfake.EnableSASL(), kfake.Superuser(access.ScramSHA512, "mia", "secret"),
		kfake.BrokerConfigs(map[string]string{"connections.max.reauth.ms": "100"}))
	s := access.Settings{User: "mia", PasswordFile: accesstest.WriteFile(t, "password", []byte("secret\n"))}
	cfg := kafka.Config{Brokers: cluster.ListenAddrs(), Access: s}
	if _, err := kafka.Init(ctx, cfg, 1, 1, uuid.New); err != nil {
		t.Fatal(err)
	}
	log, err := kafka.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	if _, err := log.Append(ctx, record("0")); err != nil { // connects
		t.Fatal(err)
	}
	var asked atomic.Int32
	cluster.ControlKey(saslAuthenticateKey, func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		asked.Add(1)
		return nil, nil, false
	})
	want := "0"
	for i := 1; asked.Load() < 10 && ctx.Err() == nil; i++ {
		if _, err := log.Append(ctx, record(strconv.Itoa(i))); err != nil {
			t.Fatalf("append %d: %v", i, err)
		}
		want += " " + strconv.Itoa(i)
	}
	if got := values(ctx, t, log); got != want {
		t.Errorf("the journal holds %s, want %s", got, want)
	}
}
