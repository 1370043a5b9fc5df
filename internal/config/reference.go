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

Each setting is a flag, a variable of the environment or a line of the file, and counts in this order. Tenants and tokens stand in the
file only: ` + "`duolog config example`" + ` prints one that explains them. This page is made by ` + "`duolog config reference`" + `.

| flag | environment | file | |
|---|---|---|---|
`)
	for field := range reflect.TypeFor[Config]().Fields() {
		name, placeholder := field.Tag.Get("name"), field.Tag.Get("placeholder")
		if _, hidden := field.Tag.Lookup("hidden"); hidden || name == "" {
			continue
		}
		file := "`" + strings.ReplaceAll(name, "-", "_") + "`"
		if name == "config" {
			file = ""
		}
		help := strings.ReplaceAll(field.Tag.Get("help"), "|", `\|`)
		fmt.Fprintf(&b, "| `--%s %s` | `%s` | %s | %s |\n", name, strings.ReplaceAll(placeholder, "|", `\|`), field.Tag.Get("env"), file, help)
	}
	return b.String()
}
