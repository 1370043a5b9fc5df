package access

import (
	"crypto/tls"
	"crypto/x509"
	"os"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/internal/keystore"
)

// ClientTLS is the configuration of a TLS client, nil without TLS. The
// certificate is looked at now, so that a mistake shows at the start, and read
// again for each connection.
func (s Settings) ClientTLS() (*tls.Config, error) {
	if !s.UsesTLS() {
		return nil, nil //nolint:nilnil // no TLS is no error
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.ServerName}
	var err error
	if s.CA != "" {
		if cfg.RootCAs, err = authorities(s.CA); err != nil {
			return nil, err
		}
	}
	if s.Cert == "" {
		return cfg, nil
	}
	if _, err := s.certificate(); err != nil {
		return nil, err
	}
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return s.certificate() }
	return cfg, nil
}

// Password is the user's password as the file has it now.
func (s Settings) Password() (keystore.Secret, error) {
	return keystore.ReadSecret("kafka_password_file", "password", s.PasswordFile)
}

func authorities(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, domain.InvalidField("kafka_ca", "the authorities cannot be read: "+err.Error(), "name a PEM file that this process may read with kafka_ca")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, domain.InvalidField("kafka_ca", file+" holds no certificate", "it begins with -----BEGIN CERTIFICATE-----: use PEM, not a keystore of Java")
	}
	return pool, nil
}

func (s Settings) certificate() (*tls.Certificate, error) {
	cert, err := os.ReadFile(s.Cert)
	if err != nil {
		return nil, domain.InvalidField("kafka_cert", "the certificate cannot be read: "+err.Error(), "name a PEM file that this process may read with kafka_cert")
	}
	key, err := keystore.ReadPrivate("kafka_key", "key", s.Key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, domain.InvalidField("kafka_cert", "certificate "+s.Cert+" and key "+s.Key+" cannot be used: "+err.Error(),
			"both are PEM files, the key without a passphrase and of this certificate")
	}
	return &pair, nil
}
