package directory

import (
	"fmt"

	"github.com/duolog/duolog/domain"
)

// CreateServiceAccount makes the account that a flow acts as in a root group.
type CreateServiceAccount struct {
	Login string `json:"login"`
	Flow  string `json:"flow"`
	Name  string `json:"name,omitempty"`
}

func (c *CreateServiceAccount) want(root string) []Key {
	return []Key{accountKey(root, c.Login), memberKey(root, c.Login)}
}

func (c *CreateServiceAccount) decide(f *Facts, root string) ([]Event, error) {
	if err := CheckLogin("login", c.Login); err != nil {
		return nil, err
	}
	if err := CheckFlow("flow", c.Flow); err != nil {
		return nil, err
	}
	if err := domain.CheckText("name", c.Name, MaxName); err != nil {
		return nil, err
	}
	top := f.Get(containerKey(root))
	account, flow := f.Get(accountKey(root, c.Login)), top.Top.Flow(c.Flow)
	switch {
	case account.LivesIn(top) && account.Account.Flow == c.Flow:
		return nil, nil
	case account.LivesIn(top):
		return nil, conflict("login", fmt.Sprintf("%s is the account of %s", c.Login, account.Account.Flow), "give each flow an account of its own")
	case flow.Account != "":
		return nil, conflict("flow", fmt.Sprintf("%s has the account %s", c.Flow, flow.Account), "use that, or remove it first")
	case f.Get(memberKey(root, c.Login)).LivesIn(top):
		return nil, conflict("login", c.Login+" is a member of "+root, "choose another login")
	}
	if err := roomForFlow(top.Top, c.Flow); err != nil {
		return nil, err
	}
	return []Event{ServiceAccountCreated{Namespace: root, Login: c.Login, Flow: c.Flow, Name: c.Name}}, nil
}

func roomForFlow(top *Top, flow string) error {
	if _, known := top.clone().find(flow); !known && top != nil && len(top.Flows) >= MaxFlows {
		return conflict("flow", fmt.Sprintf("the namespace has %d flows, which is the most", MaxFlows), "disable one that is not used")
	}
	return nil
}

// theAccount is a service account of the root group.
func theAccount(f *Facts, root, login string) (Entry, error) {
	e := f.Get(accountKey(root, login))
	if !e.LivesIn(f.Get(containerKey(root))) {
		return e, missing("login", fmt.Sprintf("%s has no service account %.80q", root, login), "duolog namespace account list "+root+" shows those there are")
	}
	return e, nil
}

// BlockServiceAccount says whether the account may anything.
type BlockServiceAccount struct {
	Login   string `json:"login"`
	Blocked bool   `json:"blocked"`
}

func (c *BlockServiceAccount) want(root string) []Key { return []Key{accountKey(root, c.Login)} }

func (c *BlockServiceAccount) decide(f *Facts, root string) ([]Event, error) {
	e, err := theAccount(f, root, c.Login)
	if err != nil || e.Account.Blocked == c.Blocked {
		return nil, err
	}
	return []Event{ServiceAccountBlocked{Namespace: root, Login: c.Login, Blocked: c.Blocked}}, nil
}

// RemoveServiceAccount takes the account away, and with it its memberships.
type RemoveServiceAccount struct {
	Login string `json:"login"`
}

func (c *RemoveServiceAccount) want(root string) []Key { return []Key{accountKey(root, c.Login)} }

func (c *RemoveServiceAccount) decide(f *Facts, root string) ([]Event, error) {
	e := f.Get(accountKey(root, c.Login))
	if !e.LivesIn(f.Get(containerKey(root))) {
		return nil, nil
	}
	return []Event{ServiceAccountRemoved{Namespace: root, Login: c.Login, Flow: e.Account.Flow}}, nil
}
