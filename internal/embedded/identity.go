package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// identity is who runs the server. Postgres refuses to run as root.
type identity struct {
	// namespace runs it as this process's user, which appears unprivileged inside a user namespace:
	// nothing changes owner, and the server reaches whatever this process reaches.
	namespace bool
	// other runs it as another user, who must own the data and be able to reach it.
	other *credential
}

type credential struct {
	name     string
	uid, gid uint32
}

// chooseIdentity decides who runs the server. Data that once went to another user stays theirs.
func chooseIdentity(ctx context.Context, p *Postgres) (identity, error) {
	if os.Geteuid() != 0 {
		return identity{}, nil
	}
	owner, err := ownerOf(p.data())
	if err != nil {
		return identity{}, err
	}
	if owner != nil {
		return otherUser(p, owner) // and finds nothing left to hand over
	}
	if p.cfg.RunAs == "" {
		err := tryNamespace(ctx, p.server)
		if err == nil {
			return identity{namespace: true}, nil
		}
		p.logger.InfoContext(ctx, "the system refuses user namespaces, postgres runs as another user", slog.Any("error", err))
	}
	cred, err := lookupUser(p.cfg.RunAs)
	if err != nil {
		return identity{}, err
	}
	return otherUser(p, cred)
}

// ownerOf returns the user other than root that owns an existing database, else nil.
func ownerOf(data string) (*credential, error) {
	info, err := os.Stat(data)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // no database, no owner
	}
	if err != nil {
		return nil, fmt.Errorf("look at the database: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 {
		return nil, nil //nolint:nilnil // root's own
	}
	return &credential{name: "with uid " + strconv.FormatUint(uint64(stat.Uid), 10), uid: stat.Uid, gid: stat.Gid}, nil
}

// lookupUser finds the user to become: the named one, else postgres, else nobody.
func lookupUser(name string) (*credential, error) {
	names := []string{name}
	if name == "" {
		names = []string{"postgres", "nobody"}
	}
	var err error
	for _, name := range names {
		var found *user.User
		if found, err = user.Lookup(name); err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
		if err = errors.Join(uidErr, gidErr); err == nil {
			return &credential{name: name, uid: uint32(uid), gid: uint32(gid)}, nil
		}
	}
	return nil, fmt.Errorf("postgres refuses to run as root, and there is no user for it (%w): run as another user", err)
}

// otherUser hands the database to the user and checks that they get there. Only the database becomes
// theirs: in a directory that they own, root would follow the links they plant.
func otherUser(p *Postgres, cred *credential) (identity, error) {
	if err := os.Chmod(p.dir, 0o711); err != nil { //nolint:gosec // they pass through, and what lies beside the database is root's alone
		return identity{}, fmt.Errorf("let user %s pass through: %w", cred.name, err)
	}
	if err := cred.takeTree(p.data()); err != nil {
		return identity{}, fmt.Errorf("hand the database to user %s: %w", cred.name, err)
	}
	for _, path := range []string{p.dir, p.server.bin} {
		if err := cred.mayEnter(path); err != nil {
			return identity{}, err
		}
	}
	return identity{other: cred}, nil
}

// takeTree makes the user the owner of a directory and all below it, if it exists. The directory itself
// goes last: it tells the next start whether this one was cut short.
func (c *credential) takeTree(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return ignoreNotExist(err)
	}
	defer func() { _ = root.Close() }()
	err = fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		return root.Lchown(path, int(c.uid), int(c.gid))
	})
	if err != nil {
		return err
	}
	return root.Lchown(".", int(c.uid), int(c.gid))
}

// mayEnter reports the first directory on the way to path that keeps the user out.
func (c *credential) mayEnter(path string) error {
	for dir := path; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("look at %s: %w", dir, err)
		}
		if !c.mayPass(info) {
			return fmt.Errorf("postgres refuses to run as root, and user %s, who would run it, may not enter %s (mode %#o) on the way to %s: choose a directory they can reach, such as one below /var/lib, or run as another user",
				c.name, dir, info.Mode().Perm(), path)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func (c *credential) mayPass(info fs.FileInfo) bool {
	mode := info.Mode().Perm()
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return true
	case stat.Uid == c.uid:
		return mode&0o100 != 0
	case stat.Gid == c.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}

// own gives paths to the user that runs the server, where that is another one.
func (i identity) own(paths ...string) error {
	if i.other == nil {
		return nil
	}
	for _, path := range paths {
		if err := os.Chown(path, int(i.other.uid), int(i.other.gid)); err != nil {
			return fmt.Errorf("give %s to user %s: %w", path, i.other.name, err)
		}
	}
	return nil
}

// attributes makes a child run as this identity.
func (i identity) attributes() *syscall.SysProcAttr {
	if i.namespace {
		return namespaceAttributes()
	}
	if i.other != nil {
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: i.other.uid, Gid: i.other.gid}}
	}
	return &syscall.SysProcAttr{}
}
