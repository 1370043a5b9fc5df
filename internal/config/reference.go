package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Reference is the page about every setting, made of the fields that are the settings.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Configuration

Each setting is a flag, a variable of the environment or a line of the file, and counts in this order. Tenants, tokens and identity providers stand in the
file only: ` + "`duolog config example`" + ` prints one that explains them. This page is made by ` + "`duolog config reference`" + `.

| flag | environment | file | |
|---|---|---|---|
`)
	for _, s := range settings(reflect.TypeFor[Config]()) {
		tag := s.Field.Tag
		if _, hidden := tag.Lookup("hidden"); hidden || s.Name == "" {
			continue
		}
		file := "`" + s.Key() + "`"
		if s.Name == "config" {
			file = ""
		}
		flag := strings.TrimSpace("--" + s.Name + " " + strings.ReplaceAll(tag.Get("placeholder"), "|", `\|`))
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", flag, s.Env, file, strings.ReplaceAll(tag.Get("help"), "|", `\|`))
	}
	return b.String()
}
