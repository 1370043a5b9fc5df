package value

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Address is the SHA-256 of bytes as stored. The zero Address names nothing.
type Address [sha256.Size]byte

// AddressOf is where b is stored.
func AddressOf(b []byte) Address { return sha256.Sum256(b) }

// ParseAddress reads what String writes: 64 lowercase hexadecimal digits.
func ParseAddress(s string) (Address, error) {
	var a Address
	err := a.UnmarshalText([]byte(s))
	return a, err
}

// String is the address in lowercase hexadecimal.
func (a Address) String() string { return hex.EncodeToString(a[:]) }

// IsZero says that a names nothing.
func (a Address) IsZero() bool { return a == Address{} }

// MarshalText writes what String gives.
func (a Address) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, a[:]), nil }

// UnmarshalText refuses every spelling but the one that MarshalText writes.
func (a *Address) UnmarshalText(b []byte) error {
	var read Address
	if len(b) != hex.EncodedLen(len(read)) {
		return fmt.Errorf("address of %d bytes is not 64 hexadecimal digits", len(b))
	}
	if _, err := hex.Decode(read[:], b); err != nil || read.String() != string(b) {
		return fmt.Errorf("address %q is not lowercase hexadecimal", b)
	}
	*a = read
	return nil
}
