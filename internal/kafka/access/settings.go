package access

import (
	"cmp"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain"
)

// Mechanisms of SASL.
const (
	ScramSHA512 = "SCRAM-SHA-512"
	ScramSHA256 = "SCRAM-SHA-256"
	Plain       = "PLAIN"
)

// Settings are flags, variables and lines of the configuration file, each led by
// kafka. The zero value is a connection without TLS and without a user.
type Settings struct {
	TLS        bool   `name:"tls" env:"TLS" help:"Speak TLS with the brokers. Their certificates must come from an authority that this machine trusts, or from --kafka-ca. Implied by the four settings below."`
	CA         string `name:"ca" env:"CA" placeholder:"FILE" help:"PEM file with the authorities that the brokers' certificates come from, in place of this machine's."`
	Cert       string `name:"cert" env:"CERT" placeholder:"FILE" help:"PEM file with the certificate that Duolog shows to the brokers. Read for each connection: a new one needs no restart."`
	Key        string `name:"key" env:"KEY" placeholder:"FILE" help:"PEM file with the key of that certificate, mode 0600."`
	ServerName string `name:"server-name" env:"SERVER_NAME" placeholder:"NAME" help:"The name that the brokers' certificates are for, where it is not the host of their addresses."`

	SASL         string `name:"sasl" env:"SASL" placeholder:"MECHANISM" help:"SCRAM-SHA-512 (default with a user), SCRAM-SHA-256, or PLAIN, which gives the brokers the password itself and needs TLS."`
	User         string `name:"user" env:"USER" placeholder:"NAME" help:"The user that Duolog is to Kafka. Without one there is no SASL."`
	PasswordFile string `name:"password-file" env:"PASSWORD_FILE" placeholder:"FILE" help:"File with the user's password in its first line, mode 0600. Read for each connection (with PLAIN, at the start)."`
}

// UsesTLS says whether connections are encrypted.
func (s Settings) UsesTLS() bool {
	return s.TLS || s.CA != "" || s.Cert != "" || s.Key != "" || s.ServerName != ""
}

// Mechanism is how the user is shown, empty without one.
func (s Settings) Mechanism() string {
	if s.User == "" {
		return ""
	}
	return strings.ToUpper(cmp.Or(s.SASL, ScramSHA512))
}

// Problems is everything that cannot work, each with field, reason and fix. It
// looks at what is written, not at the files.
func (s Settings) Problems() []*domain.Error {
	var out []*domain.Error
	refuse := func(when bool, field, message, fix string) {
		if when {
			out = append(out, domain.InvalidField(field, message, fix))
		}
	}
	known := slices.Contains([]string{"", ScramSHA512, ScramSHA256, Plain}, strings.ToUpper(s.SASL))
	refuse(s.Key == "" && s.Cert != "", "kafka_key", "the certificate "+s.Cert+" has no key", "name the file of its key with kafka_key")
	refuse(s.Cert == "" && s.Key != "", "kafka_cert", "the key "+s.Key+" has no certificate", "name the file of its certificate with kafka_cert")
	refuse(!known, "kafka_sasl", "the SASL mechanism is none that Duolog knows", "use "+ScramSHA512+", "+ScramSHA256+" or "+Plain)
	refuse(s.Mechanism() == Plain && !s.UsesTLS(), "kafka_sasl", "PLAIN without TLS would show the password to everybody on the way",
		"set kafka_tls, or use "+ScramSHA512)
	refuse(s.User == "" && s.SASL != "", "kafka_user", "a SASL mechanism is set and no user", "name the user with kafka_user")
	refuse(s.User == "" && s.PasswordFile != "", "kafka_user", "a password is given and no user", "name the user with kafka_user")
	refuse(s.User != "" && s.PasswordFile == "", "kafka_password_file", "the Kafka user "+s.User+" has no password",
		"write it into the first line of a file, mode 0600, and name that with kafka_password_file")
	return out
}
