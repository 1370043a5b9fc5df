// Package quota bounds what each tenant has under way in this process, in bytes,
// and how much it may begin each second.
// Above the bound a new trigger is refused, and anything else waits its turn:
// agents ignore refusals and lose the step.
package quota
