package keystore

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
)

// line is one line of the file: a token that came, one that was revoked, or a key.
type line struct {
	Add *added `json:"add,omitempty"`
	Key *key   `json:"key,omitempty"`
	// Signing is a key that the tokens of runs are signed with from now on.
	Signing *SigningKey `json:"signing,omitempty"`
	// Revoke is the id of a token that no longer works.
	Revoke *uuid.UUID `json:"revoke,omitempty"`
	// At is when it was revoked.
	At time.Time `json:"at,omitzero"`
}

type added struct {
	Token

	SHA256 string `json:"sha256"`
}

type entry struct {
	token Token
	hash  [sha256.Size]byte
}

// index is the file as it stands, tokens by hash and by id, keys by purpose.
type index struct {
	keys   map[string]key
	byHash map[[sha256.Size]byte]*entry
	byID   map[uuid.UUID]*entry
	// signing are the keys that sign, oldest first.
	signing []SigningKey
	// dead counts the lines that say nothing any more.
	dead int
}

func newIndex() *index {
	return &index{keys: map[string]key{}, byHash: map[[sha256.Size]byte]*entry{}, byID: map[uuid.UUID]*entry{}}
}

// read takes in whole lines and returns how many bytes they were. What has no
// line end yet is somebody's append that is under way, or was when they died.
func (x *index) read(r io.Reader) (int64, error) {
	var done int64
	for in := bufio.NewReader(r); ; {
		raw, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return done, nil
		}
		if err != nil {
			return done, err
		}
		if err := x.apply(bytes.TrimSuffix(raw, []byte("\n"))); err != nil {
			return done, err
		}
		done += int64(len(raw))
	}
}

func (x *index) apply(raw []byte) error {
	var l line
	if err := json.Unmarshal(raw, &l); err != nil {
		return fmt.Errorf("not a line of a keystore: %w", err)
	}
	switch {
	case l.Add != nil:
		return x.add(*l.Add)
	case l.Key != nil:
		return x.addKey(*l.Key)
	case l.Signing != nil:
		return x.addSigning(*l.Signing)
	case l.Revoke != nil:
		// Nothing to take back is nothing wrong.
		if e, ok := x.byID[*l.Revoke]; ok {
			e.token.Revoked = true
		}
		return nil
	default:
		return errors.New("the line neither adds nor revokes a token, and holds no key")
	}
}

func (x *index) add(a added) error {
	if a.Kind == kindRun {
		x.dead++
		return nil
	}
	e := &entry{token: a.Token}
	if n, err := hex.Decode(e.hash[:], []byte(a.SHA256[:min(len(a.SHA256), 2*sha256.Size)])); err != nil || n != sha256.Size {
		return fmt.Errorf("token %s: sha256 is not 64 hexadecimal digits", a.ID)
	}
	x.byHash[e.hash] = e
	x.byID[a.ID] = e
	return nil
}

func (e *entry) line() line {
	return line{Add: &added{Token: e.token, SHA256: hex.EncodeToString(e.hash[:])}}
}

func (l line) encode() ([]byte, error) {
	raw, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("encode a keystore line: %w", err)
	}
	return append(raw, '\n'), nil
}
