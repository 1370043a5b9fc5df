package main

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"
)

// copyContext copies what a build of the Dockerfile is given of the working directory.
func copyContext(ctx context.Context, dockerfile, to string) error {
	ignore, err := os.Open(dockerfile + ".dockerignore")
	if err != nil {
		return err
	}
	defer func() { _ = ignore.Close() }()
	patterns, err := ignorefile.ReadAll(ignore)
	if err != nil {
		return err
	}
	all, err := fsutil.NewFS(".")
	if err != nil {
		return err
	}
	part, err := fsutil.NewFilterFS(all, &fsutil.FilterOpt{ExcludePatterns: patterns})
	if err != nil {
		return err
	}
	return part.Walk(ctx, "", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		return copyFile(part, path, filepath.Join(to, path))
	})
}

func copyFile(from fsutil.FS, path, to string) error {
	in, err := from.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode())
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}
