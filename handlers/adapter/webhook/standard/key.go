package standard

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// The prefixes of keys, which say what they are for.
const (
	SecretPrefix  = "whsec_"
	PrivatePrefix = "whsk_"
	PublicPrefix  = "whpk_"
)

// The bounds of a shared secret, in bytes.
const (
	minSecret = 24
	maxSecret = 64
)

// Key signs or verifies. The zero value does neither.
type Key struct {
	secret  []byte
	private ed25519.PrivateKey
	public  ed25519.PublicKey
}

var errKey = errors.New("it is no key: it begins with whsec_, whsk_ or whpk_ and goes on in base64")

// ParseKey reads a key by its prefix. Its error does not show the key.
func ParseKey(s string) (Key, error) {
	s = strings.TrimSpace(s)
	end := strings.IndexByte(s, '_') + 1
	raw, err := base64.StdEncoding.DecodeString(s[end:])
	if err != nil {
		return Key{}, errKey
	}
	switch s[:end] {
	case SecretPrefix:
		if len(raw) < minSecret || len(raw) > maxSecret {
			return Key{}, fmt.Errorf("a secret has %d to %d bytes, this one %d", minSecret, maxSecret, len(raw))
		}
		return Key{secret: raw}, nil
	case PrivatePrefix:
		return privateKey(raw)
	case PublicPrefix:
		if len(raw) != ed25519.PublicKeySize {
			return Key{}, fmt.Errorf("a public key has %d bytes, this one %d", ed25519.PublicKeySize, len(raw))
		}
		return Key{public: raw}, nil
	}
	return Key{}, errKey
}

// privateKey reads a seed, or a seed followed by its public key.
func privateKey(raw []byte) (Key, error) {
	if len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize {
		return Key{}, fmt.Errorf("a private key has %d or %d bytes, this one %d", ed25519.SeedSize, ed25519.PrivateKeySize, len(raw))
	}
	private := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if len(raw) == ed25519.PrivateKeySize && string(private) != string(raw) {
		return Key{}, errors.New("the two halves of the private key do not belong together")
	}
	return Key{private: private, public: ed25519.PublicKey(private[ed25519.SeedSize:])}, nil
}

// NewSecret makes a shared secret.
func NewSecret() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // it never fails
	return SecretPrefix + base64.StdEncoding.EncodeToString(raw)
}

// Signs says whether the key can sign: a public one cannot.
func (k Key) Signs() bool { return k.secret != nil || k.private != nil }

// Public is the key that receivers verify with, as text; empty for a shared
// secret.
func (k Key) Public() string {
	if k.public == nil {
		return ""
	}
	return PublicPrefix + base64.StdEncoding.EncodeToString(k.public)
}

// String hides the key from logs.
func (Key) String() string { return "[redacted]" }

// GoString hides the key from %#v.
func (Key) GoString() string { return "[redacted]" }

// sign is one signature with its version.
func (k Key) sign(content []byte) string {
	if k.private != nil {
		return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(k.private, content))
	}
	return "v1," + base64.StdEncoding.EncodeToString(k.mac(content))
}

func (k Key) mac(content []byte) []byte {
	mac := hmac.New(sha256.New, k.secret)
	mac.Write(content)
	return mac.Sum(nil)
}

// verifies says whether the signature of that version is the key's.
func (k Key) verifies(version string, signature, content []byte) bool {
	switch version {
	case "v1":
		return k.secret != nil && hmac.Equal(signature, k.mac(content))
	case "v1a":
		return k.public != nil && ed25519.Verify(k.public, content, signature)
	}
	return false
}
