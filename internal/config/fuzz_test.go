package config_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/fuzztest"
)

// FuzzFile: any file is read or refused as people can understand, and its
// secrets are in no error.
func FuzzFile(f *testing.F) {
	example, err := os.ReadFile("example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Add([]byte("brokers: [a, b]\nmax_body: 16MiB\nengine_grace: 5s\ntenants:\n  - name: acme\n"))
	f.Add([]byte("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"))
	f.Add([]byte("database_url: {a: 1}\ntokens: 7\n? [a]\n: b\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		read := config.Loader(func(string) (string, bool) { return "", false })
		var err error
		fuzztest.Bounded(t, 64*len(content), func() { _, err = read(bytes.NewReader(content)) })
		if invalid := (*config.InvalidError)(nil); err != nil && !errors.As(err, &invalid) {
			t.Errorf("%T is no refusal: %v", err, err)
		}
	})
}

// FuzzEnvironment: a variable of the environment is read or refused, and a size
// is written the same way again.
func FuzzEnvironment(f *testing.F) {
	for _, s := range []string{"16MiB", "9223372036854775807GiB", "-1", "5s", "postgres://duolog:secret@host/db?password=x", "a,b", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var size config.Bytes
		if size.UnmarshalText([]byte(text)) == nil {
			var again config.Bytes
			if err := again.UnmarshalText([]byte(size.String())); err != nil || again != size {
				t.Errorf("%q is %s, which is %s: %v", text, size, again, err)
			}
		}
		_ = config.DatabaseURL(text).String()
		var cli struct {
			Serve struct{ config.Config } `cmd:""`
		}
		parser, err := kong.New(&cli, kong.Exit(func(int) { t.Error("kong exits") }))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = parser.Parse([]string{"serve", "--max-body=" + text, "--engine-grace=" + text, "--brokers=" + text, "--database-url=" + text, "--log-level=" + text})
	})
}
