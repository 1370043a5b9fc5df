package config

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	"github.com/duolog/duolog/domain"
)

// Loader reads the file for kong. It looks into the environment because there a
// variable wins over the file, while kong lets a file win.
func Loader(lookup func(string) (string, bool)) kong.ConfigurationLoader {
	return func(r io.Reader) (kong.Resolver, error) {
		name := "the configuration file"
		if f, ok := r.(interface{ Name() string }); ok {
			name = f.Name()
		}
		values, err := parse(name, r)
		if err != nil {
			return nil, err
		}
		return resolver{values: values, lookup: lookup}, nil
	}
}

// FileFlag names the configuration file of a command. Kong's own reads, for each other
// command that has one too, what the environment names, and after what the command line
// does.
type FileFlag string

// BeforeResolve reads the file of the command that is run.
func (FileFlag) BeforeResolve(k *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	if !slices.Contains(ctx.Flags(), trace.Flag) {
		return nil
	}
	path, _ := ctx.FlagValue(trace.Flag).(FileFlag)
	found, err := k.LoadConfig(string(path))
	if err == nil {
		ctx.AddResolver(found)
	}
	return err
}

// parse reads a file into what kong is to be given for each key.
func parse(name string, r io.Reader) (map[string]any, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	raw := map[string]any{}
	if err := yaml.Unmarshal(data, &raw); err != nil {
		return nil, badFile(name, err)
	}
	if problems := unknown("", raw, reflect.TypeFor[Config]()); len(problems) > 0 {
		return nil, &InvalidError{Problems: problems}
	}
	var lists struct {
		Tenants Tenants `json:"tenants"`
		Tokens  Tokens  `json:"tokens"`

		Providers Providers `json:"oidc"`
	}
	if err := yaml.Unmarshal(data, &lists); err != nil {
		return nil, badFile(name, err)
	}
	values := map[string]any{}
	for key, value := range raw {
		values[key] = scalar(value)
	}
	if raw["tenants"] != nil {
		values["tenants"] = lists.Tenants
	}
	if raw["tokens"] != nil {
		values["tokens"] = lists.Tokens
	}
	if raw["oidc"] != nil {
		values["oidc"] = lists.Providers
	}
	return values, nil
}

// badFile leaves the file's text out of the message: it may hold a password.
func badFile(name string, err error) error {
	return &InvalidError{Problems: []*domain.Error{domain.InvalidField(
		"config", name+" cannot be read as YAML: "+yaml.FormatError(err, false, false), "duolog config example prints one that can be read",
	)}}
}

// scalar gives kong the texts it would have got from a flag; a list stays one.
func scalar(value any) any {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = fmt.Sprint(item)
		}
		return out
	}
	return fmt.Sprint(value)
}

type resolver struct {
	values map[string]any
	lookup func(string) (string, bool)
}

// Validate has nothing left to do: Loader knows all keys.
func (resolver) Validate(*kong.Application) error { return nil }

// Resolve gives a flag its value from the file, unless the environment has one.
func (r resolver) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Tag.Envs {
		if _, ok := r.lookup(env); ok {
			return nil, nil //nolint:nilnil // kong's way to say: not from here
		}
	}
	return r.values[key(flag.Name)], nil
}

// unknown lists the keys that no field of t has, with the nearest that one has,
// and values of another shape than the field's.
func unknown(path string, value any, t reflect.Type) []*domain.Error {
	switch v := value.(type) {
	case map[string]any:
		return unknownKeys(path, v, t)
	case []any:
		return unknownItems(path, v, t)
	}
	return nil
}

func unknownItems(path string, items []any, t reflect.Type) []*domain.Error {
	if t.Kind() != reflect.Slice {
		return wrongShape(path, "list")
	}
	var out []*domain.Error
	for i, item := range items {
		out = append(out, unknown(fmt.Sprintf("%s[%d]", path, i), item, t.Elem())...)
	}
	return out
}

func unknownKeys(path string, values map[string]any, t reflect.Type) []*domain.Error {
	fields := fieldsOf(t)
	if fields == nil {
		return wrongShape(path, "map")
	}
	var out []*domain.Error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		full := strings.TrimPrefix(path+"."+name, ".")
		if field, ok := fields[name]; ok {
			out = append(out, unknown(full, values[name], field)...)
			continue
		}
		near := nearest(name, slices.Sorted(maps.Keys(fields)))
		out = append(out, domain.InvalidField(full, "there is no setting "+full, "did you mean "+near+"?"))
	}
	return out
}

func wrongShape(path, shape string) []*domain.Error {
	return []*domain.Error{domain.InvalidField(path, path+" is a "+shape+" and should not be",
		"compare it with what duolog config example prints")}
}

// fieldsOf lists the keys a struct can have in the file; nil for anything else.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	if t.Kind() != reflect.Struct {
		return nil
	}
	out := map[string]reflect.Type{}
	for _, s := range settings(t) {
		tag, _, _ := strings.Cut(s.Field.Tag.Get("json"), ",")
		if name := cmp.Or(tag, s.Key()); name != "" && name != "config" {
			out[name] = s.Field.Type
		}
	}
	return out
}

// nearest is the name with the fewest letters to change.
func nearest(name string, names []string) string {
	return slices.MinFunc(names, func(a, b string) int {
		return cmp.Compare(distance(name, a), distance(name, b))
	})
}

// distance counts the letters to insert, drop or change between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
