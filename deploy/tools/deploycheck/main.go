package main

import (
	"context"
	"fmt"
	"os"
	"strings"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case is(args, "dockerfile", 1):
		return checkDockerfile(ctx, args[1])
	case is(args, "context", 2):
		return copyContext(ctx, args[1], args[2])
	case is(args, "static", 1):
		return checkStatic(args[1])
	case is(args, "compose", 1):
		return checkCompose(ctx, args[1])
	case is(args, "broker", 2):
		return writeBroker(ctx, args[1], args[2])
	case is(args, "kustomize", 1):
		return printKustomization(args[1])
	}
	return fmt.Errorf("deploycheck %s: see doc.go", strings.Join(args, " "))
}

func is(args []string, command string, operands int) bool {
	return len(args) == operands+1 && args[0] == command
}
