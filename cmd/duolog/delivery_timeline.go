package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/duolog/duolog/domain/workflow"
)

// deliveryDetails says in a few words what an event of a delivery holds.
func deliveryDetails(e timelineEvent) string {
	read := func(into any) bool { return json.Unmarshal(e.Data, into) == nil }
	switch e.Type {
	case "workflow.delivery_requested":
		if d := (workflow.DeliveryRequested{}); read(&d) {
			return strings.TrimRight(fmt.Sprintf("%s · %s %s · %s", d.Adapter, d.Kind, d.Error, clipText(e.Text["message"], 60)), " ·") // the feed has no texts
		}
	case "workflow.notification_requested":
		if n := (workflow.NotificationRequested{}); read(&n) {
			return n.Event + " · hook " + n.Hook
		}
	case "workflow.delivery_answered":
		if d := (workflow.DeliveryAnswered{}); read(&d) && d.Status != 0 {
			return fmt.Sprintf("%s · %d", d.Target, d.Status)
		}
	case "workflow.redelivery_requested":
		if d := (workflow.RedeliveryRequested{}); read(&d) {
			return fmt.Sprintf("%s · %s", d.Delivery, d.Adapter)
		}
	case "workflow.delivery_given_up":
		if d := (workflow.DeliveryGivenUp{}); read(&d) {
			return strings.TrimSuffix(d.Reason+" · "+clipText(d.Error, 60), " · ")
		}
	case "workflow.delivered":
		if d := (workflow.Delivered{}); read(&d) {
			return "receipt " + d.Receipt
		}
	case "workflow.delivery_failed":
		if d := (workflow.DeliveryFailed{}); read(&d) {
			return d.Error
		}
	}
	return ""
}
