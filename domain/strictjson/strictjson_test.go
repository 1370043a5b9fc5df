package strictjson_test

import (
	"testing"

	"github.com/duolog/duolog/domain/strictjson"
)

// Why a record was ignored is kept, and derived anew by other processes: the
// words are these, always.
func TestTheWordsAreAlwaysTheSame(t *testing.T) {
	t.Parallel()
	type inner struct {
		N int `json:"n"`
	}
	for text, want := range map[string]string{
		`{"a":{"n":1},"list":[1]}`: "",
		`{"a":{"n":1,"n":2}}`:      `the name "n" comes twice in "/a"`,
		`{"a":{"m":1}}`:            `unknown field "m" in "/a"`,
		`{"A":{}}`:                 `unknown field "A"`,
		`{"a":{"n":"1"}}`:          `a value of another kind must stand there in "/a/n"`,
		`{"list":{}}`:              `a value of another kind must stand there in "/list"`,
		`{} {}`:                    `invalid character '{' after top-level value, at byte 3`,
		`{"a":`:                    `unexpected EOF in "/a", at byte 5`,
		"{\"\xff\":1}":             `invalid UTF-8, at byte 2`,
	} {
		var into struct {
			A    inner `json:"a"`
			List []int `json:"list"`
		}
		got := ""
		if err := strictjson.Unmarshal([]byte(text), &into); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}
