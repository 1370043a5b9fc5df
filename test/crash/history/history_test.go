package history_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/test/crash/history"
)

// workflow is the one that the histories of these tests are of.
var workflow = uuid.MustParse("0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3d")

// told makes a history of operations that follow on each other, unless they say
// when they were.
func told(ops ...history.Operation) []history.Operation {
	for i := range ops {
		ops[i].Workflow = workflow
		if ops[i].Answered == 0 {
			ops[i].Sent, ops[i].Answered = int64(10*i), int64(10*i+5)
		}
		if ops[i].Outcome == "" {
			ops[i].Outcome = history.Done
		}
	}
	return ops
}

func create() history.Operation { return history.Operation{Kind: history.Create} }

func change(event string) history.Operation {
	return history.Operation{Kind: history.Change, Event: event}
}

func save(ts, data string) history.Operation {
	return history.Operation{Kind: history.Save, TS: ts, Data: data}
}

func record(ts string, idx int, data string) history.Operation {
	return history.Operation{Kind: history.Write, TS: ts, Task: "t", Idx: idx, Data: data}
}

func saw(status string) history.Operation {
	return history.Operation{Kind: history.Get, Seen: status}
}

func listed(seen string) history.Operation {
	return history.Operation{Kind: history.List, Limit: 9, Seen: seen}
}

func refused(o history.Operation, status string) history.Operation {
	o.Outcome, o.Seen = history.Refused, status
	return o
}

func open(o history.Operation) history.Operation { o.Outcome = history.Unknown; return o }

func again(o history.Operation) history.Operation {
	o.Repeat = true
	return o
}

func TestHistoriesThatCanBe(t *testing.T) {
	t.Parallel()
	for name, ops := range map[string][]history.Operation{
		"a workflow from its start to its stop": told(refused(saw(""), ""), create(), saw("created"), change("start"), saw("running"),
			change("pause"), change("pause"), refused(change("retry"), "paused"), change("resume"), change("stop"), saw("stopped"), change("retry"), saw("running")),
		"the first regular write and the last special one stay": told(create(), record("a", 0, "1"), record("a", 0, "2"), record("a", -1, "3"), record("a", -1, "4"),
			listed(""), save("a", "5"), listed(history.Shown("a", "5")+history.ShownWrite("t", -1, "4")+history.ShownWrite("t", 0, "1"))),
		"newest first":                    told(create(), save("a", "1"), save("b", "2"), save("a", "3"), listed(history.Shown("b", "2")+history.Shown("a", "3"))),
		"an open operation that happened": told(create(), open(save("a", "1")), listed(""), listed(history.Shown("a", "1"))),
		"an open operation that did not":  told(create(), open(change("start")), saw("created"), saw("created")),
		"a repeat is no second write":     told(create(), record("a", -1, "1"), record("a", -1, "2"), again(record("a", -1, "1")), save("a", "3"), listed(history.Shown("a", "3")+history.ShownWrite("t", -1, "2"))),
	} {
		if n, found := history.Linearizable(ops, time.Minute); n != len(ops) || len(found) != 0 {
			t.Errorf("%s: %d of %d checked, %v", name, n, len(ops), found)
		}
	}
}

// TestAPlaceIsCheckedApart: nine write to one place at once, and the reads agree
// on who was first.
func TestAPlaceIsCheckedApart(t *testing.T) {
	t.Parallel()
	race := func(seen ...string) []history.Operation {
		var ops []history.Operation
		for _, data := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"} {
			ops = append(ops, record("a", 7, data))
		}
		ops = told(ops...)
		for i := range ops {
			ops[i].Sent, ops[i].Answered = 0, 100
		}
		for i, s := range seen {
			ops = append(ops, told(history.Operation{Kind: history.Read, TS: "a", Seen: s, Sent: int64(200 + i), Answered: int64(200 + i)})...)
		}
		for i := range ops {
			ops[i].Place = "a/t/7"
		}
		return ops
	}
	third, fourth := history.ShownWrite("t", 7, "3"), history.ShownWrite("t", 7, "4")
	if n, found := history.Linearizable(race(third, third), time.Minute); n != 11 || len(found) != 0 {
		t.Errorf("%d checked, %v", n, found)
	}
	for _, seen := range [][]string{{third, fourth}, {""}, {history.ShownWrite("t", 7, "0")}} {
		if _, found := history.Linearizable(race(seen...), time.Minute); len(found) != 1 {
			t.Errorf("reads of %q pass", seen)
		}
	}
}

func TestHistoriesThatCannotBe(t *testing.T) {
	t.Parallel()
	overlapping := told(create(), save("a", "1"), listed(""))
	overlapping[2].Sent = 12 // while the checkpoint was saved
	if _, found := history.Linearizable(overlapping, time.Minute); len(found) != 0 {
		t.Errorf("a read during a write may see none of it: %v", found)
	}
	for name, ops := range map[string][]history.Operation{
		"a read that misses an answered write":    told(create(), save("a", "1"), listed("")),
		"a read that goes back":                   told(create(), open(save("a", "1")), listed(history.Shown("a", "1")), listed("")),
		"a read of what nobody wrote":             told(create(), listed(history.Shown("a", "1"))),
		"two that start from one status":          told(create(), change("start"), change("stop"), change("pause")),
		"a refusal without a reason":              told(create(), refused(change("start"), "created")),
		"a workflow that vanishes":                told(create(), refused(saw(""), "")),
		"the second regular write":                told(create(), record("a", 0, "1"), record("a", 0, "2"), save("a", "3"), listed(history.Shown("a", "3")+history.ShownWrite("t", 0, "2"))),
		"a repeat that wrote again":               told(create(), record("a", -1, "1"), record("a", -1, "2"), again(record("a", -1, "1")), save("a", "3"), listed(history.Shown("a", "3")+history.ShownWrite("t", -1, "1"))),
		"a checkpoint without its writes":         told(create(), save("a", "1"), record("a", 0, "2"), listed(history.Shown("a", "1"))),
		"a second creation of the same workflow":  told(create(), create()),
		"an overwritten checkpoint that is back":  told(create(), save("a", "1"), save("a", "2"), listed(history.Shown("a", "1"))),
		"a refused write of an existing workflow": told(create(), refused(save("a", "1"), "")),
	} {
		if _, found := history.Linearizable(ops, time.Minute); len(found) != 1 {
			t.Errorf("%s: %d violations", name, len(found))
		}
	}
}
