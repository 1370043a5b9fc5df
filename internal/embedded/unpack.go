package embedded

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/ulikunitz/xz"
)

// unpack writes the server in a published jar, which holds one .txz, below dir. Names in the archive
// cannot lead out of it.
func unpack(jar []byte, dir string) error {
	files, err := zip.NewReader(bytes.NewReader(jar), int64(len(jar)))
	if err != nil {
		return fmt.Errorf("open jar: %w", err)
	}
	for _, file := range files.File {
		if strings.HasSuffix(file.Name, ".txz") {
			return unpackTxz(file, dir)
		}
	}
	return errors.New("the jar holds no .txz")
}

func unpackTxz(file *zip.File, dir string) error {
	packed, err := file.Open()
	if err != nil {
		return fmt.Errorf("open %s: %w", file.Name, err)
	}
	defer func() { _ = packed.Close() }()
	plain, err := xz.NewReader(packed)
	if err != nil {
		return fmt.Errorf("open %s: %w", file.Name, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // another user may have to run the server
		return fmt.Errorf("create directory: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	defer func() { _ = root.Close() }()
	return unpackTar(tar.NewReader(plain), root)
}

func unpackTar(archive *tar.Reader, root *os.Root) error {
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
		if err := unpackEntry(archive, header, root); err != nil {
			return fmt.Errorf("unpack %s: %w", header.Name, err)
		}
	}
}

func unpackEntry(archive *tar.Reader, header *tar.Header, root *os.Root) error {
	name := path.Clean(header.Name)
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		return root.Symlink(header.Linkname, name)
	case tar.TypeReg:
		return unpackFile(archive, root, name, header.FileInfo().Mode().Perm())
	default:
		return nil // nothing else is part of a server
	}
}

func unpackFile(archive *tar.Reader, root *os.Root, name string, mode os.FileMode) error {
	file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode|0o444)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, archive) // its size is fixed by the sum that was verified
	return errors.Join(err, file.Close())
}
