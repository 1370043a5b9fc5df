package main

import (
	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/trigger"
)

// wireTrigger makes what decides who may start what, as the tenants' directories say.
func (n *node) wireTrigger() error {
	var err error
	n.trigger, err = trigger.New(trigger.Config{
		Directory: n.directory, Changer: n.directory, States: n.snapshots, Flows: n.directory.resolver(),
		Policy: n.cfg.tenants.policy, Engine: n.cfg.tenants.engine, Point: n.cfg.point,
	})
	return err
}

// policy is what the configuration says of a tenant's triggers.
func (t tenants) policy(name domain.Tenant) (trigger.Policy, bool) {
	found, ok := t.list.Find(name)
	return trigger.Policy{
		Flow: found.Flow, Own: found.Flows, Rules: found.Routing, FollowUp: found.FollowUp, Plans: found.Gates.Plans, Maturities: found.Gates.Maturities,
	}, ok
}
