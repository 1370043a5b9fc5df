package workflow

import (
	"bytes"
	"cmp"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/duolog/duolog/domain"
)

// apiKey is the member of a model's metadata that never reaches the log.
const apiKey = "api_key"

// cleanModel is the model metadata to record: blank and too long ones change
// nothing, an api_key never reaches the log, everything else stays as it came.
func cleanModel(raw string) (string, bool) {
	if strings.TrimSpace(raw) == "" || domain.CheckText("", raw, MaxModel) != nil {
		return "", false
	}
	out, err := withoutMember([]byte(raw), apiKey)
	if err != nil {
		// It is no JSON. What it says of a key cannot be told from the rest.
		return raw, !strings.Contains(raw, apiKey) && !strings.Contains(raw, `\u`)
	}
	return string(out), true
}

// withoutMember takes the members of that name out of a JSON text, at any depth, with
// one comma each. Every other byte stays.
func withoutMember(raw []byte, name string) ([]byte, error) {
	d := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	var out []byte
	kept := 0 // what of raw is in out
	for {
		kind := d.PeekKind()
		if within, at := d.StackIndex(d.StackDepth()); kind == '"' && within == '{' && at%2 == 0 {
			begin, is, err := memberName(d, name)
			if err != nil {
				return nil, err
			}
			if !is {
				continue
			}
			if err := d.SkipValue(); err != nil {
				return nil, err
			}
			out, kept = cutMember(append(out, raw[kept:begin]...), raw, int(d.InputOffset()))
			continue
		}
		if _, err := d.ReadToken(); err != nil {
			return nil, err
		}
		if d.StackDepth() == 0 {
			break
		}
	}
	if rest := raw[d.InputOffset():]; len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("there is more behind the value")
	}
	return append(out, raw[kept:]...), nil
}

// memberName reads the name of the next member: where it begins, and whether it is the
// one.
func memberName(d *jsontext.Decoder, name string) (begin int, is bool, err error) {
	quoted, err := d.ReadValue()
	if err != nil {
		return 0, false, err
	}
	text, _ := jsontext.AppendUnquote(nil, quoted) // half of a surrogate pair is no name that is looked for
	return int(d.InputOffset()) - len(quoted), string(text) == name, nil
}

// cutMember leaves out the comma of a member that is left out: the one behind it, or of
// the last member the one before it. It returns how far raw is used.
func cutMember(out, raw []byte, end int) ([]byte, int) {
	behind := end + len(raw[end:]) - len(bytes.TrimLeft(raw[end:], " \t\r\n"))
	if behind < len(raw) && raw[behind] == ',' {
		return out, behind + 1
	}
	if before := len(bytes.TrimRight(out, " \t\r\n")); before > 0 && out[before-1] == ',' {
		return append(out[:before-1], out[before:]...), end
	}
	return out, end
}

// ModelFor is the model that a run gets: the one a person chose; of a workflow that
// sticks to its model the one that was recorded; a fresh one otherwise. Each is sent byte
// for byte as it was stored.
func ModelFor(recorded, chosen, fresh string, sticky bool) string {
	if !sticky {
		recorded = ""
	}
	return cmp.Or(chosen, recorded, fresh)
}

// SelectedModel looks up the models that were recorded, for somebody: another one's
// workflow is not there, and nothing of it is told.
func (s State) SelectedModel(who domain.Principal) (recorded, chosen string, err error) {
	if !s.Exists() || !s.ownedBy(who) {
		return "", "", notFound()
	}
	return s.Model, s.ChosenModel, nil
}

// ownedBy says whether the workflow acts for them: a person, or a service account that
// acts for nobody.
func (s State) ownedBy(who domain.Principal) bool {
	if s.Owner.User != "" || who.User != "" {
		return s.Owner.User == who.User
	}
	return s.Owner.ServiceAccount == who.ServiceAccount
}
