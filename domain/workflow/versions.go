package workflow

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/value"
)

// Versions are the versions of the channels as a checkpoint's header has them, each
// as the token of JSON that came: the number 1 is not the string "1".
type Versions map[string]string

// ParseVersions reads the channel_versions of a header. One without any has none.
func ParseVersions(header []byte) (Versions, error) {
	var h struct {
		Versions map[string]json.RawMessage `json:"channel_versions"`
	}
	if err := json.Unmarshal(header, &h); err != nil {
		return nil, fmt.Errorf("channel_versions: %w", err)
	}
	out := make(Versions, len(h.Versions))
	for name, token := range h.Versions {
		out[name] = string(token)
	}
	return out, nil
}

// weight is about how many bytes of memory v takes.
func (v Versions) weight() int {
	const each = 48
	n := 0
	for name, token := range v {
		n += each + len(name) + len(token)
	}
	return n
}

// ChannelAt is one channel of a namespace at one version.
type ChannelAt struct {
	NS, Channel, Version string
}

// FoundAt is where the value of a channel at a version stands: the newest checkpoint
// that has it, and the id of the value. The zero value is nowhere.
type FoundAt struct {
	TS uuid.UUID
	ID value.Address
}

// valueAt finds the value of a channel at a version among all checkpoints of the
// namespace. It is not known where it was not looked for among those stored.
func (f *Facts) valueAt(want ChannelAt) (id value.Address, there, known bool) {
	found, known := f.Elsewhere[want]
	for key, versions := range f.Versions {
		if key.NS != want.NS || versions[want.Channel] != want.Version {
			continue
		}
		candidate, has := f.Checkpoints[key].Channels[want.Channel]
		_, described := f.Values[candidate]
		if has && described && after(key.TS, found.TS) {
			found = FoundAt{key.TS, candidate}
		}
	}
	return found.ID, found.TS != uuid.Nil, known
}
