package ci

import (
	"regexp"
	"slices"
)

// Environment lays layers of variables over each other, the later over the
// earlier, and expands what refers to others. References to what is not there
// become nothing, and a circle ends at the name that it began with.
func Environment(layers ...[]Variable) map[string]string {
	all := map[string]Variable{}
	for _, layer := range layers {
		for _, v := range layer {
			all[v.Key] = v
		}
	}
	out := make(map[string]string, len(all))
	for key := range all {
		out[key] = expanded(key, all, nil)
	}
	return out
}

// Expand replaces references in a text by what an environment says.
func Expand(s string, env map[string]string) string {
	return replace(s, func(name string) string { return env[name] })
}

func expanded(key string, all map[string]Variable, within []string) string {
	v, ok := all[key]
	switch {
	case !ok:
		return ""
	case v.Raw:
		return v.Value
	}
	if slices.Contains(within, key) {
		return "$" + key
	}
	within = append(slices.Clip(within), key)
	return replace(v.Value, func(name string) string { return expanded(name, all, within) })
}

func replace(s string, value func(string) string) string {
	return reference().ReplaceAllStringFunc(s, func(found string) string {
		if found == "$$" {
			return "$"
		}
		name := found[1:]
		if name[0] == '{' {
			name = name[1 : len(name)-1]
		}
		return value(name)
	})
}

func reference() *regexp.Regexp {
	return regexp.MustCompile(`\$\$|\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$[A-Za-z_][A-Za-z0-9_]*`)
}
