package kafka_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/uuid"

	"github.com/duolog/duolog/internal/kafka/access"
	"github.com/duolog/duolog/internal/kafka/access/accesstest"
)

// TestWhoKafkaLetsIn is TestWhoIsLetIn on a real Apache Kafka: its words for what
// is wrong are not kfake's.
func TestWhoKafkaLetsIn(t *testing.T) {
	t.Parallel()
	dir := accesstest.Real(t)
	if dir == "" {
		t.Skip("set DUOLOG_TEST_KAFKA_ACCESS, or run make test/kafka")
	}
	plain, saslSSL, ssl := os.Getenv("DUOLOG_TEST_KAFKA"), accesstest.Line(t, dir, "sasl_ssl"), accesstest.Line(t, dir, "ssl")
	ca, cert, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")
	stranger := accesstest.NewAuthority(t)
	strangeCert, strangeKey := stranger.Files(stranger.Issue("node", time.Hour))
	g := accesstest.NewGuarded(t)
	mia := g.User("mia-" + uuid.NewString()[:8])
	stranded := g.User("stranded-" + uuid.NewString()[:8])
	g.Grant(mayAsk("User:"+mia.User), mayAsk("User:CN=duolog-test-client"))
	with := func(change func(*access.Settings)) access.Settings {
		s := mia
		change(&s)
		return s
	}
	for _, test := range []struct {
		name, broker string
		s            access.Settings
		field, says  string // none: let in
	}{
		{"SCRAM", saslSSL, mia, "", ""},
		{"a certificate", ssl, access.Settings{CA: ca, Cert: cert, Key: key}, "", ""},
		{"wrong password", saslSSL, with(func(s *access.Settings) { s.PasswordFile = accesstest.WriteFile(t, "password", []byte("x\n")) }), "kafka_password_file", "refuses user mia"},
		{"unknown user", saslSSL, with(func(s *access.Settings) { s.User = "nobody" }), "kafka_password_file", "refuses user nobody"},
		{"another mechanism", saslSSL, with(func(s *access.Settings) { s.SASL = access.ScramSHA256 }), "kafka_sasl", "does not take SCRAM-SHA-256"},
		{"no user", saslSSL, access.Settings{CA: ca}, "brokers", "its listener for SSL"},
		{"no TLS", saslSSL, with(func(s *access.Settings) { s.CA = "" }), "brokers", "its listener for SASL_PLAINTEXT"},
		{"the plain port", plain, mia, "brokers", "its listener for SASL_SSL"},
		{"a user at the plain port", plain, with(func(s *access.Settings) { s.CA = "" }), "kafka_sasl", "does not take SCRAM-SHA-512"},
		{"another authority", saslSSL, with(func(s *access.Settings) { s.CA = stranger.File() }), "kafka_ca", "not trusted"},
		{"no certificate", ssl, access.Settings{CA: ca}, "kafka_cert", "wants a certificate"},
		{"a stranger's certificate", ssl, access.Settings{CA: ca, Cert: strangeCert, Key: strangeKey}, "kafka_cert", "refuses the certificate"},
		{"a user without the right", saslSSL, stranded, "kafka_user", "does not let user stranded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			wantRefusal(t, identify(t, []string{test.broker}, test.s), test.field, test.says)
		})
	}
}

// mayAsk is the right to ask for the topic of identify.
func mayAsk(principal string) *sarama.ResourceAcls {
	return &sarama.ResourceAcls{
		Resource: sarama.Resource{ResourceType: sarama.AclResourceTopic, ResourceName: "nowhere.journal", ResourcePatternType: sarama.AclPatternLiteral},
		Acls:     []*sarama.Acl{{Principal: principal, Host: "*", Operation: sarama.AclOperationDescribe, PermissionType: sarama.AclPermissionAllow}},
	}
}
