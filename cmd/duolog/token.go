package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/internal/keystore"
)

// tokenCmd are the tools of the keystore, on a machine that has the file.
type tokenCmd struct {
	Create     tokenCreateCmd `cmd:"" help:"Make a token and print its secret, this once. Example: duolog token create --tenant acme --user mia --scope read --expires 720h"`
	List       tokenListCmd   `cmd:"" help:"The tokens there are, without their secrets. Example: duolog token list --user mia"`
	Revoke     tokenRevokeCmd `cmd:"" help:"End a token on every node at once. Example: duolog token revoke 0b9d7a52-0f64-4a54-9d0e-0b8c3b1e7c11"`
	RotateKeys rotateKeysCmd  `cmd:"" help:"Sign the tokens of runs with another key. Example: duolog token rotate-keys"`
}

// keystoreFlags say where the keystore is.
type keystoreFlags struct {
	Keystore string `help:"The keystore; by default keystore.jsonl in the state directory." env:"DUOLOG_KEYSTORE" type:"path" placeholder:"FILE"`
	State    string `name:"state-dir" help:"State directory of duolog dev, or of a node." env:"DUOLOG_STATE_DIR" default:".duolog" type:"path"`
	JSON     bool   `help:"Print JSON." name:"json"`
}

// open opens the keystore that is there: a new one in the wrong place would let
// nobody in.
func (f keystoreFlags) open(a app) (*keystore.Store, error) {
	file := cmp.Or(f.Keystore, filepath.Join(f.State, "keystore.jsonl"))
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil, problem{"there is no keystore " + file, "name the one of the nodes with --keystore; a node makes it when it starts"}
	}
	return keystore.Open(file, a.now)
}

// with does something with the keystore.
func (f keystoreFlags) with(a app, do func(*keystore.Store) error) error {
	keys, err := f.open(a)
	if err != nil {
		return err
	}
	return errors.Join(do(keys), keys.Close())
}

type tokenCreateCmd struct {
	keystoreFlags

	Tenant  string        `required:"" help:"The tenant it lets into." placeholder:"NAME"`
	User    string        `required:"" help:"Whom it stands for: a login." placeholder:"LOGIN"`
	Scope   string        `help:"What it may: read, write or admin." default:"write" placeholder:"SCOPE"`
	Name    string        `help:"What it is for." placeholder:"TEXT"`
	Expires time.Duration `help:"How long it works, such as 720h; left out, until it is revoked." placeholder:"TIME"`
}

func (c tokenCreateCmd) Run(ctx context.Context, a app) error {
	if c.Expires < 0 {
		return problem{"--expires " + c.Expires.String() + " is over already", "write how long it shall work, such as 720h"}
	}
	t := keystore.Token{Kind: keystore.KindUser, Tenant: domain.Tenant(c.Tenant), User: c.User, Scope: access.Scope(c.Scope), Name: c.Name}
	if c.Expires > 0 {
		t.ExpiresAt = a.now().Add(c.Expires)
	}
	return c.with(a, func(keys *keystore.Store) error {
		secret, err := keys.Add(ctx, t)
		if err != nil {
			return err
		}
		if !c.JSON {
			_, err = fmt.Fprintln(a.out, secret.Reveal())
			return err
		}
		made, err := keys.Lookup(ctx, secret)
		if err != nil {
			return err
		}
		return json.NewEncoder(a.out).Encode(struct { //nolint:gosec // whoever asked for it is told, this once
			keystore.Token

			Secret string `json:"token"`
		}{made, secret.Reveal()})
	})
}

type tokenListCmd struct {
	keystoreFlags

	Tenant string `help:"Only those of a tenant." placeholder:"NAME"`
	User   string `help:"Only those of a person." placeholder:"LOGIN"`
}

func (c tokenListCmd) Run(ctx context.Context, a app) error {
	return c.with(a, func(keys *keystore.Store) error {
		all, err := keys.Tokens(ctx)
		if err != nil {
			return err
		}
		shown := []keystore.Token{}
		for _, t := range all {
			if (c.Tenant == "" || string(t.Tenant) == c.Tenant) && (c.User == "" || t.User == c.User) {
				shown = append(shown, t)
			}
		}
		if c.JSON {
			return json.NewEncoder(a.out).Encode(shown)
		}
		return printTokens(a, shown)
	})
}

func printTokens(a app, tokens []keystore.Token) error {
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ID\tTENANT\tUSER\tSCOPE\tMADE\tUNTIL\tNAME")
	for _, t := range tokens {
		until := "revoked"
		switch {
		case t.Revoked:
		case t.ExpiresAt.IsZero():
			until = "revocation"
		case !a.now().Before(t.ExpiresAt):
			until = "expired"
		default:
			until = t.ExpiresAt.Local().Format(time.DateTime)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.Tenant, cmp.Or(t.User, t.ServiceAccount),
			cmp.Or(t.Scope, access.ScopeWrite), t.CreatedAt.Local().Format(time.DateTime), until, t.Name)
	}
	return w.Flush()
}

type tokenRevokeCmd struct {
	keystoreFlags

	ID string `arg:"" help:"The id that duolog token list shows."`
}

func (c tokenRevokeCmd) Run(ctx context.Context, a app) error {
	id, err := uuid.Parse(c.ID)
	if err != nil {
		return problem{c.ID + " is no id of a token", "use one that duolog token list shows; the secret is not the id"}
	}
	return c.with(a, func(keys *keystore.Store) error {
		if err := keys.Revoke(ctx, id); err != nil {
			return err
		}
		_, err := fmt.Fprintf(a.out, "token %s does not work any more\n", id)
		return err
	})
}

type rotateKeysCmd struct {
	keystoreFlags

	AtOnce bool `help:"Do not believe the keys before it any more, as when one was lost: every run under way has to be resumed."`
}

func (c rotateKeysCmd) Run(ctx context.Context, a app) error {
	return c.with(a, func(keys *keystore.Store) error {
		k, err := keys.RotateSigningKey(ctx, c.AtOnce)
		if err != nil {
			return err
		}
		before := "those before it are believed for " + keystore.SigningOverlap.String() + " more"
		if c.AtOnce {
			before = "no other is believed"
		}
		_, err = fmt.Fprintf(a.out, "key %s signs from now on; %s\n", k.ID, before)
		return err
	})
}
