package events

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPrinted reads what programs and their loggers print in ways of their own: want lists "first-last severity message", and
// behind it the exception in brackets where there is one.
func TestPrinted(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"rsyslog 5424: events behind a trace", `
<13>1 2024-01-02T15:04:05.100000+00:00 web1 depot 77 - -  pallet 7 begun
<13>1 2024-01-02T15:04:05.200000+00:00 web1 depot 77 - -  Traceback (most recent call last):
<13>1 2024-01-02T15:04:05.200100+00:00 web1 depot 77 - -    File "/srv/depot/load.py", line 9, in lift
<13>1 2024-01-02T15:04:05.200200+00:00 web1 depot 77 - -      fork(ref)
<13>1 2024-01-02T15:04:05.200300+00:00 web1 depot 77 - -  KeyError: 'fork'
<13>1 2024-01-02T15:04:05.300000+00:00 web1 depot 77 - -  pallet 8 begun
<13>1 2024-01-02T15:04:05.400000+00:00 web1 depot 77 - -  pallet 8 done
`, []string{"1-1 info pallet 7 begun", "2-5 error KeyError: 'fork' [KeyError: 'fork']", "6-6 info pallet 8 begun", "7-7 info pallet 8 done"}},
		{"5424 without that blank", `
<13>1 2024-01-02T15:04:05.100000+00:00 web1 depot 77 - - limits:
<13>1 2024-01-02T15:04:05.100100+00:00 web1 depot 77 - -   weight 700
<13>1 2024-01-02T15:04:05.300000+00:00 web1 depot 77 - - pallet 8 begun
`, []string{"1-2 info limits:", "3-3 info pallet 8 begun"}},
		{"a header on every line of a chained Python trace, with a name that looks like a word", chainedWith("2024-01-02 15:04:05,123 [loader] ERROR depot: "), []string{
			"1-12 error RuntimeError: cannot lift [KeyError: 'fork']", "13-13 info pallet 8 begun"}},
		{"the same with a dotted name", chainedWith("2024-01-02 15:04:05,123 ERROR depot.loader: "), []string{
			"1-12 error RuntimeError: cannot lift [KeyError: 'fork']", "13-13 info pallet 8 begun"}},
		{"the same with the name as a column", chainedWith("2024-01-02 15:04:05,123 - depot - ERROR - "), []string{
			"1-12 error RuntimeError: cannot lift [KeyError: 'fork']", "13-13 info pallet 8 begun"}},
		{"two traces with the header on every line", `
2024-01-02 15:04:05,123 ERROR depot: Traceback (most recent call last):
2024-01-02 15:04:05,123 ERROR depot:   File "/srv/depot/load.py", line 9, in lift
2024-01-02 15:04:05,123 ERROR depot:     fork(ref)
2024-01-02 15:04:05,123 ERROR depot: KeyError: 'fork'
2024-01-02 15:04:05,123 ERROR depot: Traceback (most recent call last):
2024-01-02 15:04:05,123 ERROR depot:   File "/srv/depot/load.py", line 9, in lift
2024-01-02 15:04:05,123 ERROR depot:     fork(ref)
2024-01-02 15:04:05,123 ERROR depot: KeyError: 'crane'
2024-01-02 15:04:05,123 ERROR depot: the crane is stuck
`, []string{"1-4 error KeyError: 'fork' [KeyError: 'fork']", "5-8 error KeyError: 'crane' [KeyError: 'crane']", "9-9 error depot: the crane is stuck"}},
		{"Ruby's Logger: an exception, and an uncaught one with its cause behind it", `
E, [2024-01-02T15:04:05.123456 #77] ERROR -- depot: no fork for pallet 7 (ForkError)
depot.rb:23:in 'rescue in lift'
depot.rb:20:in 'lift'
depot.rb:31:in '<main>'
depot.rb:23:in 'rescue in lift': no fork for pallet 8 (Depot::ForkError)
	from depot.rb:20:in 'lift'
	from depot.rb:31:in '<main>'
depot.rb:17:in 'fork': undefined method 'take' for nil:NilClass (NoMethodError)
	from depot.rb:21:in 'lift'
	from depot.rb:31:in '<main>'
I, [2024-01-02T15:04:05.223456 #77]  INFO -- : pallet 9 begun
`, []string{"1-4 error no fork for pallet 7 (ForkError) [ForkError: no fork for pallet 7]",
			"5-10 error depot.rb:23:in 'rescue in lift': no fork for pallet 8 (Depot::ForkError) [NoMethodError: undefined method 'take' for nil:NilClass]",
			"11-11 info pallet 9 begun"}},
		{"two that Ruby's Logger prints without its header", `
depot.rb:23:in 'lift': no fork (ForkError)
depot.rb:31:in '<main>'
depot.rb:24:in 'lift': no crane (CraneError)
depot.rb:31:in '<main>'
`, []string{"1-2 error depot.rb:23:in 'lift': no fork (ForkError) [ForkError: no fork]", "3-4 error depot.rb:24:in 'lift': no crane (CraneError) [CraneError: no crane]"}},
		{"Node: an exception behind words", `
the crane at dock 7 failed: Error: connect ECONNREFUSED 127.0.0.1:9
    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16) {
  errno: -111,
  code: 'ECONNREFUSED'
}
dock 8: no crane Error [ERR_DOCK_CLOSED]: closed: since noon
    at open (/srv/depot/dock.js:3:9)
dock 9: TypeError: cannot read 'crane': none
    at open (/srv/depot/dock.js:3:9)
`, []string{"1-5 error the crane at dock 7 failed: Error: connect ECONNREFUSED 127.0.0.1:9 [Error: connect ECONNREFUSED 127.0.0.1:9]",
			"6-7 error dock 8: no crane Error [ERR_DOCK_CLOSED]: closed: since noon [Error: closed: since noon]",
			"8-9 error dock 9: TypeError: cannot read 'crane': none [TypeError: cannot read 'crane': none]"}},
		{"PostgreSQL's processes", `
2024-01-02 15:04:05.123 UTC [77] LOG:  server process (PID 99) was terminated by signal 9: Killed
2024-01-02 15:04:05.123 UTC [77] DETAIL:  Failed process was running: select 1
2024-01-02 15:04:05.124 UTC [77] LOG:  terminating any other active server processes
2024-01-02 15:04:05.125 UTC [77] LOG:  server process (PID 98) exited with exit code 2
2024-01-02 15:04:05.126 UTC [77] LOG:  autovacuum launcher process (PID 97) was terminated by signal 15: Terminated
2024-01-02 15:04:05.127 UTC [77] LOG:  background worker "logical replication launcher" (PID 96) exited with exit code 1
2024-01-02 15:04:05.128 UTC [77] LOG:  background worker "parallel worker" (PID 95) was terminated by signal 11: Segmentation fault
{"timestamp":"2024-01-02 15:04:05.129 UTC","pid":77,"error_severity":"LOG","message":"checkpointer process (PID 94) was terminated by signal 6: Aborted"}
2024-01-02 15:04:05.130 UTC,,,77,,6b0375d5.251,4,,2024-01-02 15:04:00 UTC,,0,LOG,00000,"server process (PID 93) was terminated by signal 9: Killed",,,,,,,,,"","postmaster",,0
`, []string{"1-2 error server process (PID 99) was terminated by signal 9: Killed", "3-3 info terminating any other active server processes",
			"4-4 error server process (PID 98) exited with exit code 2", "5-5 info autovacuum launcher process (PID 97) was terminated by signal 15: Terminated",
			`6-6 info background worker "logical replication launcher" (PID 96) exited with exit code 1`,
			`7-7 error background worker "parallel worker" (PID 95) was terminated by signal 11: Segmentation fault`,
			"8-8 error checkpointer process (PID 94) was terminated by signal 6: Aborted", "9-9 error server process (PID 93) was terminated by signal 9: Killed"}},
		{"Redis' highest level", `
7:M 02 Jan 2024 15:04:05.123 # WARNING: The backlog of 511 cannot be enforced, failed to read the limit
7:M 02 Jan 2024 15:04:05.124 # Server 7.0.15 crashed by signal: 11
7:M 02 Jan 2024 15:04:05.125 # Can't save in background: fork: Cannot allocate memory
7:M 02 Jan 2024 15:04:05.126 # Server started, 0 errors
`, []string{"1-1 warning WARNING: The backlog of 511 cannot be enforced, failed to read the limit", "2-2 error Server 7.0.15 crashed by signal: 11",
			"3-3 error Can't save in background: fork: Cannot allocate memory", "4-4 warning Server started, 0 errors"}},
		{"the lines that rsyslog escaped within a message", `
Jan  2 15:04:05 web1 depot[77]: ERROR cannot lift pallet 7#012Traceback (most recent call last):#012  File "/srv/depot/load.py", line 9, in lift#012    fork(ref)#012KeyError: 'fork'
<13>1 2024-01-02T15:04:05.200000+00:00 web1 depot 77 - -  Traceback (most recent call last):#012  File "/srv/depot/load.py", line 9, in lift#012    fork(ref)#012KeyError: 'crane'#012
2024-01-02T15:04:05.300000+00:00 web1 depot[77]: lifting failed: java.io.IOException: stuck#012#011at com.acme.Depot.lift(Depot.java:9)
Jan  2 15:04:06 web1 depot[77]: pallet #012 and GH#012 are done, see #0123
`, []string{"2-2 error KeyError: 'crane' [KeyError: 'crane']", "1-1 error cannot lift pallet 7 [KeyError: 'fork']",
			"3-3 error lifting failed: java.io.IOException: stuck [java.io.IOException: stuck]", "4-4 info pallet #012 and GH#012 are done, see #0123"}},
		{"V8's heap is full", `
depot ready

<--- Last few GCs --->

[7:0x8f1cdc0]      599 ms: Mark-Compact 24.1 (40.8) -> 24.1 (56.8) MB, 112.74 / 0.00 ms  (average mu = 0.096, current mu = 0.075) allocation failure; scavenge might not succeed


<--- JS stacktrace --->

FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
----- Native stack trace -----

 1: 0xb78db3 node::OOMErrorHandler(char const*, v8::OOMDetails const&) [node]
12: 0xf06250 v8::Utils::ReportOOMFailure(v8::internal::Isolate*, char const*, v8::OOMDetails const&) [node]
Aborted (core dumped)
`, []string{"1-2 info depot ready", "3-15 fatal FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory [fatal error: Reached heap limit Allocation failed - JavaScript heap out of memory]"}},
		{"Redis' report of its crash", `
7:M 02 Jan 2024 15:04:05.123 * Ready to accept connections

=== REDIS BUG REPORT START: Cut & paste starting from here ===
7:M 02 Jan 2024 15:04:05.124 # Redis 7.0.15 crashed by signal: 11, si_code: 2
7:M 02 Jan 2024 15:04:05.124 # Crashed running the instruction at: 0x55ef69bab75f

------ STACK TRACE ------
argv[1]: '"SEGFAULT"'
=== REDIS BUG REPORT END. Make sure to include from START to END. ===
7:M 02 Jan 2024 15:04:09.123 * Ready to accept connections
`, []string{"1-2 info Ready to accept connections", "3-9 fatal Redis 7.0.15 crashed by signal: 11, si_code: 2 [fatal error: Redis 7.0.15 crashed by signal: 11, si_code: 2]",
			"10-10 info Ready to accept connections"}},
		{"what only says that such a report begins", `
=== REDIS BUG REPORT START: Cut & paste starting from here ===
pallet 7 begun
2024-01-02 15:04:05 ERROR the crane is stuck
`, []string{"1-1 info === REDIS BUG REPORT START: Cut & paste starting from here ===", "2-2 info pallet 7 begun", "3-3 error the crane is stuck"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, r := range joinAll(t, Config{}, splitLines(c.in)) {
				s := fmt.Sprintf("%d-%d %v %s", r.FirstLine, r.LastLine, r.Severity, r.Message)
				if r.Exception != "" || r.ExceptionMessage != "" {
					s += " [" + r.Exception + ": " + r.ExceptionMessage + "]"
				}
				got = append(got, s)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// chainedWith gives a Python trace with a cause, and a line behind it, each line with a header.
func chainedWith(header string) string {
	lines := splitLines(`
Traceback (most recent call last):
  File "/srv/depot/load.py", line 9, in lift
    fork(ref)
KeyError: 'fork'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/depot/load.py", line 12, in load
    lift(ref)
  File "/srv/depot/load.py", line 10, in lift
RuntimeError: cannot lift
`)
	for i := range lines {
		lines[i] = header + lines[i]
	}
	return strings.Join(append(lines, "2024-01-02 15:04:05,200 INFO pallet 8 begun"), "\n")
}
