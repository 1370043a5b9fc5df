package main

import (
	"debug/elf"
	"fmt"
)

// checkStatic fails for a program that the kernel cannot start alone.
func checkStatic(file string) error {
	program, err := elf.Open(file)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	defer func() { _ = program.Close() }()
	libraries, err := program.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP {
			return fmt.Errorf("%s needs a loader of the system, and its libraries %v", file, libraries)
		}
	}
	return nil
}
