//go:build !enginenotes

package main

import "github.com/duolog/duolog/handlers/effects"

// engines are those that runs can name.
func (n *node) engines() map[string]effects.Engine {
	out := map[string]effects.Engine{"local": n.engine}
	if n.gitlab != nil {
		out["gitlab"] = n.gitlab
	}
	return out
}
