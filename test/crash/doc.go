// Package crash kills a real fleet again and again while clients write to it,
// and proves afterwards, from outside, that nothing acknowledged was lost and
// nothing happened twice.
//
//	make test/crash                         25 rounds, then every planted bug
//	make test/crash ROUNDS=1000 SEED=42     a long run of a known plan
//
// A World is a log, a database and three processes of duolog serve behind a
// round-robin. Clients write to shared workflows and log what they were told
// (package history); people ask questions that start the demo agent; producers put
// commands on Kafka, each twice, read what they are answered, and a hook of theirs is
// told what became of it. In each
// round one node is killed at a named point and something else happens to the
// rest (faults_test.go), while a fresh group of a GitLab that nobody kills, but that
// fails in ways of its own, has work for them (forge_test.go). At the end everything is read back and compared
// (checks_test.go): the seed replays the plan of the faults and the requests,
// not the scheduling of the machine.
//
// The harness is tested too: TestPlanted runs it on binaries with one known bug
// each, and every one must be found.
package crash
