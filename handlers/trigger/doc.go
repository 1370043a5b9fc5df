// Package trigger is the one path from "somebody asks for work" to a workflow that
// may run, whichever way the request came: a message, HTTP, a command on the topic, a
// fork. It takes these steps, in this order, and stops at the first that cannot be
// taken:
//
//	namespace        the root of the user's default namespace, or what they named
//	flow             it is switched on there: the group allows flows, there is such a
//	                 flow, it is in the list; and the gates of the tenant let it pass
//	project          duo-workspace of that group is found or made
//	service_account  the flow's own account of that group is found
//	membership       that account has developer access to the project
//	execute          privileges, flow version and engine are pinned
//
// What they come to is one command, workflow.start, which carries the record of the
// steps: nothing of a trigger is durable before the commit of that command but what
// EnsureProject and EnsureMember made, and these are safe to repeat. A crash anywhere
// is followed by the same steps again, and the workflow's id makes it one workflow.
//
// A refusal is a *RefusedError: a *domain.Error with a stable code, what to do about it and
// who can do it, and the record up to the step that stopped it. Any other error, and
// not_now, means that it could not be told: the same request may be sent again.
//
// What is decided about permission is not remembered: whoever wants a workflow to go
// on asks again (MayResume, MaySteer).
package trigger
