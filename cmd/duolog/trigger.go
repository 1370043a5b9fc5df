package main

import (
	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/trigger"
	"github.com/duolog/duolog/internal/config"
)

// wireTrigger makes what decides who may start what, as the tenants' directories say.
func (n *node) wireTrigger() error {
	var err error
	n.trigger, err = trigger.New(trigger.Config{
		Directory: n.directory, Changer: n.directory, States: n.snapshots, Flows: n.directory.resolver(),
		Policy: n.cfg.tenants.policy, Engine: n.cfg.tenants.engine, Denied: n.guard().Deny, Point: n.cfg.point,
	})
	return err
}

// policy is what the configuration says of a tenant's triggers.
func (t tenants) policy(name domain.Tenant) (trigger.Policy, bool) {
	found, _ := t.list.Find(name)
	says, denied, err := t.says(name, "")
	if found.Directory == config.DirectoryDuolog {
		says.Where = "" // the root group of each place says it
	}
	return trigger.Policy{Policy: says, Denied: denied, Rules: found.Routing, FollowUp: found.FollowUp}, err == nil
}
