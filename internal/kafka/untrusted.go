package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/domain"
)

// untrusted turns the error of a connection that TLS or SASL ended into one that
// names the setting; others stay what they are. sarama leaves some reasons out of
// its error, so the brokers are greeted once more.
func (c Config) untrusted(err error, s *sarama.Config) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err // and would be silent again
	}
	for _, address := range c.Brokers {
		why := greet(address, s)
		if why == nil {
			why = err // the broker hung up on what came after
		}
		if named := c.named(address, why); named != nil {
			return named
		}
	}
	return err
}

// greet connects to one broker, up to where requests begin.
func greet(address string, s *sarama.Config) error {
	b := sarama.NewBroker(address)
	if err := b.Open(s); err != nil {
		return err
	}
	_, err := b.Connected()
	_ = b.Close()
	return err
}

// named is nil for an error that neither TLS nor SASL explains.
func (c Config) named(address string, err error) error {
	if known, ok := errors.AsType[*domain.Error](err); ok {
		return known // one of our files
	}
	for _, why := range []func(string, error) *domain.Error{c.refusedUser, c.untrustedBroker, c.refusedCertificate, c.hungUp} {
		if e := why(address, err); e != nil {
			e.Err = err
			return e
		}
	}
	return nil
}

// withoutRight says who lacks a right, where that is what an error says.
func (c Config) withoutRight(err error) error {
	if !errors.Is(err, sarama.ErrTopicAuthorizationFailed) && !errors.Is(err, sarama.ErrClusterAuthorizationFailed) &&
		!errors.Is(err, sarama.ErrGroupAuthorizationFailed) {
		return err
	}
	who := "Kafka lets nobody do this without a name"
	switch {
	case c.Access.User != "":
		who = "Kafka does not let user " + c.Access.User + " do this"
	case c.Access.Cert != "":
		who = "Kafka does not let the subject of " + c.Access.Cert + " do this"
	}
	return &domain.Error{
		Code: domain.CodeForbidden, Field: "kafka_user", Message: who + ": " + err.Error(), Err: err,
		Fix: "give it the rights that docs/kafka.md lists (kafka-acls), or name another user",
	}
}

// refusedUser is about user and password.
func (c Config) refusedUser(address string, err error) *domain.Error {
	mechanism := c.Access.Mechanism()
	switch {
	case errors.Is(err, sarama.ErrSASLAuthenticationFailed):
		return domain.InvalidField("kafka_password_file", "Kafka at "+address+" refuses user "+c.Access.User+" with this password and "+mechanism,
			"write the password of the user into the first line of "+c.Access.PasswordFile+
				"; kafka-configs --describe --entity-type users --entity-name "+c.Access.User+" shows which mechanisms the user has")
	case errors.Is(err, sarama.ErrUnsupportedSASLMechanism), errors.Is(err, sarama.ErrIllegalSASLState):
		return domain.InvalidField("kafka_sasl", "Kafka at "+address+" does not take "+mechanism,
			"set kafka_sasl to one of the listener's sasl.enabled.mechanisms, or name a SASL listener in brokers")
	}
	return nil
}

// untrustedBroker is about the certificate of the broker.
func (c Config) untrustedBroker(address string, err error) *domain.Error {
	if name, ok := errors.AsType[x509.HostnameError](err); ok {
		return domain.InvalidField("kafka_server_name", "the certificate of Kafka at "+address+" is for another name: "+name.Error(),
			"name the broker in brokers as its certificate does, or set kafka_server_name to a name of the certificate")
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return domain.InvalidField("brokers", "the certificate of Kafka at "+address+" is not valid now: "+invalid.Detail,
			"renew it at the broker, or put the clock of this machine right")
	}
	if untrusted, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return domain.InvalidField("kafka_ca", "the certificate of Kafka at "+address+" is not trusted: "+untrusted.Err.Error(),
			"name the PEM file of the authority it comes from with kafka_ca")
	}
	return nil
}

// refusedCertificate is about our certificate: the broker says why in an alert.
func (c Config) refusedCertificate(address string, err error) *domain.Error {
	alert, ok := errors.AsType[*net.OpError](err)
	if !ok || alert.Op != "remote error" {
		return nil
	}
	message, fix := "Kafka at "+address+" refuses the certificate "+c.Access.Cert+": "+alert.Err.Error(),
		"use one that is valid now and comes from an authority in the broker's ssl.truststore"
	if c.Access.Cert == "" {
		message, fix = "Kafka at "+address+" wants a certificate of its clients: "+alert.Err.Error(), "set kafka_cert and kafka_key"
	}
	return domain.InvalidField("kafka_cert", message, fix)
}

// hungUp is all that is seen where two protocols meet.
func (c Config) hungUp(address string, err error) *domain.Error {
	_, garbage := errors.AsType[sarama.PacketDecodingError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	if !garbage && !noTLS && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	return domain.InvalidField("brokers", "Kafka at "+address+" hangs up: it is stopping, or this is not its listener for "+c.protocol(),
		"name that listener in brokers, or set kafka_tls and kafka_user as the listener of this port wants them")
}

// protocol is what Kafka calls the security protocol of the settings.
func (c Config) protocol() string {
	var parts []string
	if c.Access.User != "" {
		parts = append(parts, "SASL")
	}
	if c.Access.UsesTLS() {
		return strings.Join(append(parts, "SSL"), "_")
	}
	return strings.Join(append(parts, "PLAINTEXT"), "_")
}
