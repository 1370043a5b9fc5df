package keystore

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/duolog/duolog/domain"
)

const redacted = "[redacted]"

// Secret is the text a client shows. It prints as [redacted] wherever it may
// end up by accident; Reveal is the one way to the text.
type Secret string

// Reveal is the text itself, for the client it belongs to.
func (s Secret) Reveal() string { return string(s) }

// Hash is what the store keeps of the secret. 32 random bytes need no salt and
// no slow hash: there is nothing to guess.
func (s Secret) Hash() [sha256.Size]byte { return sha256.Sum256([]byte(s)) }

// String hides the text.
func (Secret) String() string { return redacted }

// GoString hides the text from %#v.
func (Secret) GoString() string { return redacted }

// Format hides the text from every other verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalJSON hides the text.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText hides the text from other encodings.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue hides the text from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// newSecret draws the secret of a token. The prefix lets scanners for leaked
// secrets find it; it decides nothing.
func newSecret() Secret {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	return Secret("dl_" + base64.RawURLEncoding.EncodeToString(random[:]))
}

// ReadSecretFile reads a token from the first line of a file that nobody else
// may read.
func ReadSecretFile(path string) (Secret, error) { return ReadSecret("token_file", "token", path) }

// ReadSecret reads a secret of another kind so: its errors name the setting and
// say what the file holds.
func ReadSecret(field, what, path string) (Secret, error) {
	data, err := ReadPrivate(field, what, path)
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(string(data), "\n")
	if first = strings.TrimSpace(first); first == "" {
		return "", domain.InvalidField(field, "the "+what+" file "+path+" is empty", "write the "+what+" into its first line")
	}
	return Secret(first), nil
}

// ReadPrivate reads a file that nobody else may read.
func ReadPrivate(field, what, path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &domain.Error{
			Code: domain.CodeNotFound, Field: field, Message: "there is no " + what + " file " + path,
			Fix: "name a file that holds the " + what + " with " + field,
		}
	}
	if err != nil {
		return nil, unreadable(field, what, err)
	}
	if err := private(field, path, info); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, unreadable(field, what, err)
	}
	return data, nil
}

func unreadable(field, what string, err error) error {
	return domain.InvalidField(field, "the "+what+" file cannot be read: "+err.Error(), "name a file that this process may read with "+field)
}

// private refuses a file that others may read or write.
func private(field, path string, info fs.FileInfo) error {
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	return &domain.Error{
		Code: domain.CodeForbidden, Field: field, Fix: "chmod 600 " + path + " ; if it was open for long, make new secrets",
		Message: fmt.Sprintf("%s holds secrets and is open to others (mode %04o)", path, info.Mode().Perm()),
	}
}
