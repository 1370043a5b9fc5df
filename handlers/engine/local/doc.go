// Package local is the engine that runs a configured program on this machine,
// one process group per run, and survives the death of the server that started
// it.
//
// Vocabulary: the program is the agent; the supervisor is a small process (the
// server's own binary, executed again) that starts the program, waits for it
// and writes down how it ended. Supervisor and program each have a session of
// their own, so neither Ctrl-C nor kill -9 of the server reaches them.
//
// A run is a directory, <Dir>/runs/<run id>:
//
//	spec.json  whose run this is; no environment, no secret
//	claim      the supervisor that owns the run; linked into place, so only one can
//	pid        the program: pid and kernel start time
//	log        what the program wrote, secrets masked, capped
//	stop       somebody asked for the end of the run
//	exit.json  how it ended, renamed into place by the supervisor
//	reported   the outcome has been taken; it is never reported again
//
// The environment goes to the supervisor through a pipe: it stands in no file
// and in no argument list.
//
// What a crash means, by the moment it happens: before claim, nothing was
// started and Start may be called again. Between claim and pid (well under a
// millisecond), a supervisor that is killed leaves a program nobody knows: the
// run is lost, and the epoch in the run's token keeps what it still writes out.
// After pid, a program whose supervisor is gone counts as running until it
// ends, then as lost: nobody saw its exit code. After exit.json, the outcome is
// reported by whichever Engine looks next. Between a report and reported, it is
// reported again.
//
// One Engine at a time watches a Dir; the caller locks it.
package local
