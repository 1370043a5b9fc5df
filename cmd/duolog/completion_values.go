package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"
)

// valuesOf are those that the grammar lists, or the files that begin so where the value
// is one: a placeholder is FILE, DIR or a|b|c.
func valuesOf(v *kong.Value, placeholder, begun string) []candidate {
	var words []string
	switch {
	case v.Enum != "":
		words = v.EnumSlice()
	case placeholder == "FILE" || v.Tag.Type == "path" || placeholder == "DIR":
		words = files(begun, placeholder != "FILE")
	case strings.Contains(placeholder, "|"):
		words = strings.Split(placeholder, "|")
	}
	var out []candidate
	for _, w := range words {
		out = append(out, candidate{word: w})
	}
	return out
}

// files begin with what was typed; a directory ends with a slash, to go on from.
func files(begun string, directories bool) []string {
	dir, _ := filepath.Split(begun)
	entries, err := os.ReadDir(filepath.Clean("./" + dir))
	if filepath.IsAbs(dir) {
		entries, err = os.ReadDir(dir)
	}
	if err != nil {
		return nil // nothing to choose from
	}
	var out []string
	for _, e := range entries {
		switch {
		case e.IsDir():
			out = append(out, dir+e.Name()+"/")
		case !directories:
			out = append(out, dir+e.Name())
		}
	}
	return out
}
