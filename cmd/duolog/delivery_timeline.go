package main

import (
	"fmt"
	"strings"

	"github.com/duolog/duolog/domain/workflow"
)

// deliveryDetails says in a few words what an event of a delivery holds.
func deliveryDetails(e timelineEvent) string {
	switch e.Type {
	case "workflow.delivery_requested":
		if d := (workflow.DeliveryRequested{}); e.read(&d) {
			return strings.TrimRight(fmt.Sprintf("%s · %s %s · %s", d.Adapter, d.Kind, d.Error, clipText(e.Text["message"], 60)), " ·") // the feed has no texts
		}
	case "workflow.notification_requested":
		if n := (workflow.NotificationRequested{}); e.read(&n) {
			return n.Event + " · hook " + n.Hook
		}
	case "workflow.delivery_answered":
		if d := (workflow.DeliveryAnswered{}); e.read(&d) && d.Status != 0 {
			return fmt.Sprintf("%s · %d", d.Target, d.Status)
		}
	case "workflow.redelivery_requested":
		if d := (workflow.RedeliveryRequested{}); e.read(&d) {
			return fmt.Sprintf("%s · %s", d.Delivery, d.Adapter)
		}
	case "workflow.delivery_given_up":
		if d := (workflow.DeliveryGivenUp{}); e.read(&d) {
			return strings.TrimSuffix(d.Reason+" · "+clipText(d.Error, 60), " · ")
		}
	case "workflow.delivered":
		if d := (workflow.Delivered{}); e.read(&d) {
			return "receipt " + d.Receipt
		}
	case "workflow.delivery_failed":
		if d := (workflow.DeliveryFailed{}); e.read(&d) {
			return d.Error
		}
	}
	return ""
}
