package main

import (
	"embed"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCmd prints what a shell has to know. The scripts know nothing of the
// commands: they ask this program, so that they never grow old.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is shown below the flags.
func (completionCmd) Help() string {
	return "Examples:\n  source <(duolog completion bash)      in ~/.bashrc\n  source <(duolog completion zsh)       in ~/.zshrc, after compinit\n  duolog completion fish | source       in ~/.config/fish/config.fish"
}

//go:embed completion
var completions embed.FS

// Run prints the script.
func (c completionCmd) Run(a app) error {
	script, err := completions.ReadFile("completion/duolog." + c.Shell)
	if err != nil {
		return fmt.Errorf("read the script for %s: %w", c.Shell, err)
	}
	_, err = a.out.Write(script)
	return err
}

// completeCmd is what the scripts ask: what may stand in place of the last word.
type completeCmd struct {
	Words []string `arg:"" optional:"" help:"The words of the command line behind duolog, the unfinished one last."`
}

// Run prints one candidate a line, with its help behind a tab.
func (c completeCmd) Run(k *kong.Context, a app) error {
	for _, found := range complete(k.Model.Node, c.Words) {
		if _, err := fmt.Fprintf(a.out, "%s\t%s\n", found.word, found.help); err != nil {
			return err
		}
	}
	return nil
}

// candidate is one word that may stand there.
type candidate struct{ word, help string }

// complete walks the words before the last one through the grammar.
func complete(root *kong.Node, words []string) []candidate {
	if len(words) == 0 {
		words = []string{""}
	}
	node, last := root, words[len(words)-1]
	var awaits *kong.Flag // whose value comes next
	position := 0
	for _, word := range words[:len(words)-1] {
		switch {
		case awaits != nil:
			awaits = nil
		case strings.HasPrefix(word, "-"):
			awaits = awaited(node, word)
		case child(node, word) != nil:
			node = child(node, word)
		default:
			position++
		}
	}
	switch {
	case awaits != nil:
		return matching(last, valuesOf(awaits.Value, awaits.PlaceHolder, last))
	case strings.HasPrefix(last, "-"):
		return matching(last, flagsOf(node))
	case position < len(node.Positional):
		return matching(last, valuesOf(node.Positional[position], "", last))
	}
	return matching(last, commandsOf(node))
}

// awaited is the flag of a word if its value is the next word.
func awaited(node *kong.Node, word string) *kong.Flag {
	if strings.Contains(word, "=") {
		return nil
	}
	for _, group := range node.AllFlags(true) {
		for _, f := range group {
			named := word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short)
			if named && !f.IsBool() && !f.IsCounter() {
				return f
			}
		}
	}
	return nil
}

func child(node *kong.Node, word string) *kong.Node {
	for _, c := range node.Children {
		if c.Name == word {
			return c
		}
	}
	return nil
}

func commandsOf(node *kong.Node) []candidate {
	var out []candidate
	for _, c := range node.Children {
		if !c.Hidden {
			out = append(out, candidate{c.Name, firstSentence(c.Help)})
		}
	}
	return out
}

func flagsOf(node *kong.Node) []candidate {
	var out []candidate
	for _, group := range node.AllFlags(true) {
		for _, f := range group {
			out = append(out, candidate{"--" + f.Name, firstSentence(f.Help)})
		}
	}
	return out
}

// firstSentence is as much help as a list of candidates has room for.
func firstSentence(help string) string {
	first, _, _ := strings.Cut(help, ". ")
	return strings.TrimSuffix(first, ".")
}

func matching(prefix string, all []candidate) []candidate {
	var out []candidate
	for _, c := range all {
		if strings.HasPrefix(c.word, prefix) {
			out = append(out, c)
		}
	}
	return out
}
