package access_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/directory"
)

func facts(change func(*access.Facts)) access.Facts {
	f := access.Facts{
		Action: access.Start, Path: "acme/site", Human: access.Member{Login: "mia", Level: directory.Developer},
		Account: access.Member{Login: "duo-developer", Level: directory.Developer}, Flow: access.Flow{Reference: "developer/v1", Enabled: true},
	}
	change(&f)
	return f
}

// TestE4BothHaveToBeAllowed: what the human may, and the account, and the flow, and
// the place, and the token; the first that denies says so.
func TestE4BothHaveToBeAllowed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*access.Facts)
		rule   access.Rule
	}{
		"all agree":                       {func(*access.Facts) {}, access.RuleAll},
		"the human is a reporter":         {func(f *access.Facts) { f.Human.Level = directory.Reporter }, access.RuleHuman},
		"the human is nobody":             {func(f *access.Facts) { f.Human.Login = "" }, access.RuleHuman},
		"the human is blocked":            {func(f *access.Facts) { f.Human.Blocked, f.Human.Level = true, directory.Owner }, access.RuleHuman},
		"a blocked administrator":         {func(f *access.Facts) { f.Human.Blocked, f.Human.Admin = true, true }, access.RuleHuman},
		"the human is an administrator":   {func(f *access.Facts) { f.Human.Level, f.Human.Admin = directory.None, true }, access.RuleAll},
		"an account without access":       {func(f *access.Facts) { f.Account.Level = directory.None }, access.RuleAccount},
		"an account that is given access": {func(f *access.Facts) { f.Account.Level, f.Account.Given = directory.None, true }, access.RuleAll},
		"a blocked account that is":       {func(f *access.Facts) { f.Account.Blocked, f.Account.Given = true, true }, access.RuleAccount},
		"a blocked account":               {func(f *access.Facts) { f.Account.Blocked = true }, access.RuleAccount},
		"an owner over such an account":   {func(f *access.Facts) { f.Human.Level, f.Account.Level = directory.Owner, directory.Guest }, access.RuleAccount},
		"no account acts":                 {func(f *access.Facts) { f.Account = access.Member{} }, access.RuleAll},
		"the flow is off":                 {func(f *access.Facts) { f.Flow.Enabled = false }, access.RuleFlow},
		"a flow that is off is resumed":   {func(f *access.Facts) { f.Flow.Enabled, f.Action = false, access.Resume }, access.RuleFlow},
		"a flow that is off is steered":   {func(f *access.Facts) { f.Flow.Enabled, f.Action = false, access.Steer }, access.RuleFlow},
		"a flow that is off is stopped":   {func(f *access.Facts) { f.Flow.Enabled, f.Action = false, access.Stop }, access.RuleAll},
		"the namespace denies it":         {func(f *access.Facts) { f.Denied = []access.Action{access.Fork, access.Start} }, access.RuleNamespace},
		"the namespace denies another":    {func(f *access.Facts) { f.Denied = []access.Action{access.Fork} }, access.RuleAll},
		"a token to read":                 {func(f *access.Facts) { f.Scope = access.ScopeRead }, access.RuleScope},
		"the starter stops":               {func(f *access.Facts) { f.Action, f.Human.Level, f.Starter = access.Stop, directory.None, true }, access.RuleAll},
		"the starter, blocked, stops":     {func(f *access.Facts) { f.Action, f.Human.Blocked, f.Starter = access.Stop, true, true }, access.RuleHuman},
		"the starter, no member, resumes": {func(f *access.Facts) { f.Action, f.Human.Level, f.Starter = access.Resume, directory.None, true }, access.RuleHuman},
		"stopping needs no account":       {func(f *access.Facts) { f.Action, f.Account.Level = access.Stop, directory.None }, access.RuleAll},
		"an action that is none":          {func(f *access.Facts) { f.Action = "fly" }, access.RuleHuman},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := access.Decide(facts(test.change))
			if d.Rule != test.rule || d.Allowed != (test.rule == access.RuleAll) || len(d.Parts) != 5 {
				t.Fatalf("decided %+v", d)
			}
			err := d.Refusal()
			e, refused := errors.AsType[*domain.Error](err)
			if refused == d.Allowed || refused && (e.Code != domain.CodeAccessDenied || e.Fix == "" || !strings.Contains(e.Message, string(d.Action))) {
				t.Errorf("the refusal is %v", err)
			}
		})
	}
}

// TestDenyWins: what one part denies no other makes up for, and nobody is allowed more
// with less.
func TestDenyWins(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		level := rapid.SampledFrom([]directory.Level{directory.None, directory.Guest, directory.Reporter, directory.Developer, directory.Maintainer, directory.Owner})
		f := facts(func(f *access.Facts) {
			f.Action = rapid.SampledFrom(access.Actions()).Draw(t, "action")
			f.Human = access.Member{Login: "mia", Level: level.Draw(t, "human"), Admin: rapid.Bool().Draw(t, "admin"), Blocked: rapid.Bool().Draw(t, "blocked")}
			f.Account.Level, f.Account.Blocked = level.Draw(t, "account"), rapid.Bool().Draw(t, "account blocked")
			f.Starter, f.Flow.Enabled = rapid.Bool().Draw(t, "starter"), rapid.Bool().Draw(t, "enabled")
			f.Scope = rapid.SampledFrom([]access.Scope{access.ScopeRead, access.ScopeWrite, access.ScopeAdmin}).Draw(t, "scope")
		})
		d := access.Decide(f)
		all := true
		for _, p := range d.Parts {
			all = all && p.Allowed
		}
		if d.Allowed != all {
			t.Fatalf("%+v", d)
		}
		less := f
		less.Human.Level, less.Account.Level, less.Starter, less.Human.Admin = directory.None, directory.None, false, false
		if access.Decide(less).Allowed && !d.Allowed {
			t.Fatalf("%s is allowed with less", fmt.Sprint(f))
		}
	})
}
