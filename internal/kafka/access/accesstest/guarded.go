package accesstest

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/duolog/duolog/internal/kafka/access"
)

// Guarded is a cluster that speaks TLS with users and lets them do what ACLs say.
type Guarded struct {
	tb      testing.TB
	Brokers []string
	// Admin may do everything.
	Admin sarama.ClusterAdmin
	ca    string
}

// NewGuarded is the real Apache Kafka that deploy/kafka/with-kafka started, or one
// in this process.
func NewGuarded(tb testing.TB) *Guarded {
	tb.Helper()
	g := &Guarded{tb: tb}
	s := sarama.NewConfig()
	s.Version = sarama.V4_0_0_0
	admins := []string{os.Getenv("DUOLOG_TEST_KAFKA")} // everybody may do everything there
	if dir := Real(tb); dir != "" {
		g.Brokers, g.ca = []string{Line(tb, dir, "sasl_ssl")}, filepath.Join(dir, "ca.pem")
	} else {
		g.start(s)
		admins = g.Brokers
	}
	var err error
	if g.Admin, err = sarama.NewClusterAdmin(admins, s); err != nil {
		tb.Fatalf("connect admin: %v", err)
	}
	tb.Cleanup(func() { _ = g.Admin.Close() })
	return g
}

// Real is the directory of a real Kafka's listeners, empty where there is none.
func Real(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("DUOLOG_TEST_KAFKA_ACCESS")
	if dir == "" && os.Getenv("DUOLOG_REQUIRE_KAFKA") == "1" {
		tb.Fatal("DUOLOG_TEST_KAFKA_ACCESS is not set")
	}
	return dir
}

// Line is what a file says.
func Line(tb testing.TB, dir, name string) string {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // of a test
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

func (g *Guarded) start(s *sarama.Config) {
	authority := NewAuthority(g.tb)
	g.ca = authority.File()
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser(access.Plain, "admin", "admin"),
		kfake.TLS(&tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{authority.Issue("broker", time.Hour)}}),
	)
	if err != nil {
		g.tb.Fatal(err)
	}
	g.tb.Cleanup(cluster.Close)
	g.Brokers = cluster.ListenAddrs()
	s.Net.TLS.Enable, s.Net.TLS.Config = true, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authority.Pool()}
	s.Net.SASL.Enable, s.Net.SASL.User, s.Net.SASL.Password = true, "admin", "admin"
}

// User makes a user and says how a client is it.
func (g *Guarded) User(name string) access.Settings {
	g.tb.Helper()
	password := "of " + name
	results, err := g.Admin.UpsertUserScramCredentials([]sarama.AlterUserScramCredentialsUpsert{{
		Name: name, Mechanism: sarama.SCRAM_MECHANISM_SHA_512, Iterations: 4096, Salt: []byte("salt of " + name), Password: []byte(password),
	}})
	if err != nil || len(results) != 1 || results[0].ErrorCode != sarama.ErrNoError {
		g.tb.Fatalf("make user %s: %v %+v", name, err, results)
	}
	return access.Settings{CA: g.ca, User: name, PasswordFile: WriteFile(g.tb, "password", []byte(password+"\n"))}
}
