package config

import (
	"reflect"
	"strings"
)

// setting is a field in its three spellings. Those of an embedded struct are led
// by its prefix, as kong has it.
type setting struct {
	Name, Env string // topic-prefix, DUOLOG_TOPIC_PREFIX
	Field     reflect.StructField
}

// Key is its name in the file.
func (s setting) Key() string { return key(s.Name) }

// settings lists the fields of a struct, also those that have no name as a flag.
func settings(t reflect.Type) []setting {
	var out []setting
	for f := range t.Fields() {
		if _, embedded := f.Tag.Lookup("embed"); !embedded {
			out = append(out, setting{Name: f.Tag.Get("name"), Env: f.Tag.Get("env"), Field: f})
			continue
		}
		for _, s := range settings(f.Type) {
			s.Name, s.Env = f.Tag.Get("prefix")+s.Name, f.Tag.Get("envprefix")+s.Env
			out = append(out, s)
		}
	}
	return out
}

func key(flag string) string { return strings.ReplaceAll(flag, "-", "_") }
