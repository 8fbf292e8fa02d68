package events

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// problemLines are lines without a level that a person would want to be told of, from as many kinds of software as
// possible. They are right by their meaning, not by what the reader happens to say.
var problemLines = []string{
	// Go
	"panic: runtime error: index out of range [3] with length 3",
	"panic: assignment to entry in nil map [recovered]",
	"fatal error: all goroutines are asleep - deadlock!",
	"fatal error: concurrent map writes",
	"dial tcp 10.1.2.3:5432: connect: connection refused",
	"open /etc/shop/config.yaml: permission denied",
	"listen tcp :8080: bind: address already in use",
	"Get \"https://stock.example.com/v1/items\": context deadline exceeded",
	"write /data/cart.db: no space left on device",
	"http: Accept error: accept tcp [::]:8080: accept4: too many open files; retrying in 5ms",
	"lookup db.internal on 10.0.0.2:53: no such host",
	"x509: certificate has expired or is not yet valid",
	"http: panic serving 10.0.0.7:51512: runtime error: invalid memory address or nil pointer dereference",
	"exec: \"pdftk\": executable file not found in $PATH",
	"fork/exec /opt/shop/bin/run: exec format error",
	"2024/05/02 10:11:12 cannot load basket 17: unexpected EOF",
	// kernel
	"shop[812]: segfault at 10 ip 00005581 sp 00007ffc error 4 in shop[5581+1000]",
	"Out of memory: Killed process 812 (java) total-vm:812000kB, anon-rss:511000kB",
	"java invoked oom-killer: gfp_mask=0x140cca, order=0, oom_score_adj=0",
	"EXT4-fs error (device sda1): ext4_lookup:1700: inode #12: comm ls: deleted inode referenced: 99",
	"I/O error, dev sdb, sector 8123 op 0x0:(READ) flags 0x0",
	"BUG: unable to handle page fault for address: ffffa0",
	"BUG: soft lockup - CPU#1 stuck for 22s! [kworker/1:1:77]",
	"Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
	"traps: shop[33] general protection fault ip:55 sp:77 error:0",
	"nfs: server files1 not responding, still trying",
	"ata1.00: failed command: READ FPDMA QUEUED",
	"Oops: 0002 [#1] PREEMPT SMP",
	// systemd
	"shop.service: Main process exited, code=exited, status=1/FAILURE",
	"shop.service: Main process exited, code=dumped, status=11/SEGV",
	"shop.service: Main process exited, code=killed, status=9/KILL",
	"shop.service: Failed with result 'exit-code'.",
	"Failed to start shop.service - The shop.",
	"Dependency failed for Local File Systems.",
	"Process 812 (shop) of user 1000 dumped core.",
	"Timed out waiting for device /dev/disk/by-uuid/12.",
	"shop.service: A process of this unit has been killed by the OOM killer.",
	// shells and tools
	"bash: pg_dumpall: command not found",
	"/opt/shop/run.sh: line 3: ./migrate: No such file or directory",
	"Segmentation fault (core dumped)",
	"Aborted (core dumped)",
	"sh: 1: ./deploy: Permission denied",
	"cp: cannot stat '/srv/a.txt': No such file or directory",
	"rsync error: some files could not be transferred (code 23) at main.c(1338)",
	"tar: Exiting with failure status due to previous errors",
	"touch: cannot touch '/x': Read-only file system",
	"chown: changing ownership of '/srv': Operation not permitted",
	"curl: (7) Failed to connect to stock port 443 after 2 ms: Couldn't connect to server",
	"wget: unable to resolve host address 'stock'",
	"ssh: Could not resolve hostname stock: Name or service not known",
	"connect: No route to host",
	"mkdir: cannot create directory '/data': Disk quota exceeded",
	"*** buffer overflow detected ***: terminated",
	"free(): double free detected in tcache 2, Aborted",
	"Illegal instruction",
	"./shop: error while loading shared libraries: libpq.so.5: cannot open shared object file: No such file or directory",
	"./shop: symbol lookup error: ./shop: undefined symbol: SSL_new",
	// containers
	"container shop exited with code 137",
	"shop-1 exited with code 1",
	"worker process 17 exited on signal 11 (core dumped)",
	"Back-off restarting failed container shop in pod shop-77",
	"pod shop-77 is in CrashLoopBackOff",
	"Last state: terminated, reason OOMKilled",
	"Readiness probe failed: HTTP probe failed with statuscode: 503",
	"Error response from daemon: pull access denied for shop/api",
	"task finished, exit status 2",
	"command terminated with exit code 126",
	// builds and tests
	"npm ERR! code ELIFECYCLE",
	"npm error Missing script: \"start\"",
	"make: *** [Makefile:12: build] Error 2",
	"make[1]: *** No rule to make target 'x.o', needed by 'shop'.  Stop. Error 1",
	"E: Unable to locate package libshop-dev",
	"main.c:12:5: error: expected ';' before '}' token",
	"error[E0382]: borrow of moved value: `cart`",
	"error: could not compile `shop` due to 2 previous errors",
	"collect2: error: ld returned 1 exit status",
	"--- FAIL: TestPay (0.00s)",
	"FAIL\tgithub.com/acme/shop\t0.211s",
	"Tests run: 12, Failures: 1, Errors: 0, Skipped: 0",
	"=== 3 failed, 20 passed in 1.2s ===",
	"BUILD FAILED in 12s",
	"    2 Error(s)",
	"not ok 3 - pays the cart",
	"fatal: not a git repository (or any of the parent directories): .git",
	"dpkg: error processing package shop (--configure):",
	// Python, Java, Node, Ruby, PHP, Rust
	"Traceback (most recent call last):",
	"ValueError: invalid literal for int() with base 10: 'x'",
	"shop.errors.CartError: cart 17 is gone",
	"ModuleNotFoundError: No module named 'shop'",
	"Exception in thread \"main\" java.lang.NullPointerException",
	"java.lang.OutOfMemoryError: Java heap space",
	"TypeError: Cannot read properties of undefined (reading 'id')",
	"Error: listen EADDRINUSE: address already in use :::3000",
	"connect ECONNREFUSED 127.0.0.1:6379",
	"[nodemon] app crashed - waiting for file changes before starting...",
	"(node:7) UnhandledPromiseRejectionWarning: Error: no cart",
	"PHP Fatal error:  Uncaught Error: Call to undefined function pay() in /srv/a.php:3",
	"app.rb:3:in `pay': undefined method `id' for nil:NilClass (NoMethodError)",
	"thread 'main' panicked at src/main.rs:4:5:",
	"terminate called after throwing an instance of 'std::runtime_error'",
	// databases and servers
	"deadlock detected",
	"duplicate key value violates unique constraint \"carts_pkey\"",
	"Lost connection to MySQL server during query",
	"Too many connections",
	"Can't save in background: fork: Cannot allocate memory",
	"InnoDB: Database page corruption on disk or a failed file read of page 7",
	"Table './shop/cart' is marked as crashed and should be repaired",
	"upstream timed out (110: Connection timed out) while reading response header",
	"SSL_do_handshake() failed (SSL: error:0A000126)",
	"stock service answered: 503 Service Unavailable",
	"payment provider returned 502 Bad Gateway",
	"request to /pay failed with status code 500",
	"job 17: result=failed duration=3s",
	"finished with errors=3",
	"sync done: 12 ok, 2 failed",
	"the disk is full",
	"Device: /dev/sda [SAT], 8 Currently unreadable (pending) sectors",
	"cart 17: stack overflow in rule evaluation",
	"assertion failed: left == right",
	"worker 3 was killed",
	"could not obtain lock on carts within 5s",
	"mail to bob was not sent: relay access denied",
	"uncaught exception in listener: bad state",
	"the import was aborted: line 3 is corrupt",
	// and from here and there
	"ceph: osd.3 failed (root=default,host=store1) (2 reporters)",
	"vault: failed to unseal: barrier is sealed",
	"consul: agent: Synced service failed: rpc error: No cluster leader",
	"kafka: Fatal error during broker startup. Prepare to shutdown",
	"zookeeper: Exception causing close of session 0x1: null",
	"elasticsearch: high disk watermark exceeded, shards will be relocated away",
	"docker: Error response from daemon: driver failed programming external connectivity",
	"ansible: fatal: [web1]: UNREACHABLE! => {\"changed\": false}",
	"TASK failed: non-zero return code 2",
	"pip: ERROR: No matching distribution found for shopp",
	"yarn: error Command failed with exit code 1.",
	"tsc: src/cart.ts(3,5): error TS2322: Type 'string' is not assignable to type 'number'.",
	"gradle: FAILURE: Build failed with an exception.",
	"systemd: shop.service: Start request repeated too quickly.",
	"smartd: Device: /dev/sdb, FAILED SMART self-check. BACK UP DATA NOW!",
	"XFS (sdb1): Corruption detected. Unmount and run xfs_repair",
	"md/raid1:md0: Disk failure on sdb1, disabling device.",
	"NMI watchdog: Watchdog detected hard LOCKUP on cpu 3",
	"tcp: out of memory -- consider tuning tcp_mem",
	"nf_conntrack: table full, dropping packet",
	"postfix/smtp[77]: connect to mx.example.com[10.0.0.9]:25: Connection timed out",
	"slapd: bind: invalid credentials, giving up: fatal",
	"openvpn: TLS Error: TLS key negotiation failed to occur within 60 seconds",
	"java: Could not find or load main class com.acme.Shop",
	"ruby: /srv/a.rb:3:in 'require': cannot load such file -- pg (LoadError)",
	"rust: error: process didn't exit successfully: `target/debug/shop` (exit status: 101)",
	"php-fpm: [pool www] child 77 exited on signal 11 (SIGSEGV) after 3.2 seconds",
	"sidekiq: Job raised exception PG::UndefinedTable",
	"git: error: Your local changes would be overwritten by merge",
	"terraform: Error: Invalid provider configuration",
	"aws: An error occurred (AccessDenied) when calling the PutObject operation",
	"certbot: Some challenges have failed.",
	"rclone: Failed to copy: no space left on device",
	"restic: repository is locked exclusively: unable to create lock",
	"the batch crashed at row 812",
	"we lost connection to the primary",
	"import stopped: disk full",
	"payment gateway unreachable, orders are piling up",
	"kubelet: Failed to pull image \"shop:9\": rpc error: code = NotFound",
	"Error: No such container: shop",
	"ERROR 1045 (28000): Access denied for user 'shop'@'localhost' (using password: YES)",
	"redis.exceptions.ConnectionError: Error 111 connecting to cache:6379. Connection refused.",
	"cart service crashed with signal SIGSEGV",
	"[emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
	"nginx: configuration file /etc/nginx/nginx.conf test failed",
	"error: failed to push some refs to 'origin'",
	"Terraform: Error acquiring the state lock",
	"java.net.SocketTimeoutException: Read timed out",
	"gc: heap exhausted during collection, out of memory",
	"write error: disk quota exceeded",
	"cron[77]: (root) FAILED to open PAM security session",
	"could not connect to server: Connection refused",
	"pg_restore: error: could not execute query",
	"uwsgi: DAMN ! worker 1 (pid: 77) died, killed by signal 9 :( trying respawn ...",
	"TLS handshake error from 10.0.0.9:4431: remote error: tls: bad certificate",
	"task shop[77] hit an unhandled exception and was stopped",
	"ModSecurity: Access denied with code 403 (phase 2)",
	"Unit shop.service entered failed state.",
	"error while evaluating rule 17: division by zero",
	"job 9 finished with return code 3",
	"Couldn't open the ledger: bad magic number",
	"process exited abnormally with exit code -1",
	"ERR unknown command 'FOO'",
	"Backup FAILED!",
	"Invoice 17: checksum mismatch, file is corrupted",
	"CRITICAL: load average 40",
	"service unavailable: circuit open",
	"gateway answered HTTP 503",
	"mdadm: Fail event detected on md device /dev/md0",
	"kernel: Machine check: hardware error on CPU 3",
	"lock wait timeout exceeded; try restarting transaction",
	"thread pool exhausted, request rejected",
	"failed",
	"bail out! cannot reach the database",
	"Uncaught TypeError: cart.map is not a function",
	"backend depot has no server available!",
	"proxy: no servers available in pool depot",
}

// harmlessLines are lines that hold the words of trouble and mean none; a warning is as far as they may go.
var harmlessLines = []string{
	// counts of nothing
	"compilation finished: 0 errors",
	"Build succeeded. 0 Warning(s) 0 Error(s)",
	"    0 Error(s)",
	"scan complete, errors: 0",
	"errors: none",
	"errors=[]",
	"errors={} warnings={}",
	"error count: 0",
	"Error Count = 0",
	"errors found: none",
	"failed=0 ok=12",
	"sync done: 12 ok, 0 failed",
	"failed: 0, succeeded: 12",
	"0 of 12 uploads failed",
	"0 tests failed",
	"=== 0 failed, 20 passed in 1.2s ===",
	"Tests run: 12, Failures: 0, Errors: 0, Skipped: 0",
	"web1 : ok=3 changed=1 unreachable=0 failed=0 skipped=0",
	"RX packets 812 bytes 7123 errors 0 dropped 0 overruns 0",
	"killed 0 processes",
	"zero failures since Monday",
	"FATAL: none",
	"ERROR: 0 WARNING: 2",
	"error rate 0.00%",
	"job finished, failures=0",
	"crashes: 0",
	// negations
	"no error",
	"there was no error",
	"No errors found.",
	"/dev/sda1: clean, no errors, 812/7000 files",
	"finished without failure",
	"finished without any errors",
	"no fatal errors in the last hour",
	"this is not an error",
	"it never failed before",
	"the import did not fail",
	"the second try hasn't failed",
	"none failed",
	"no units failed",
	"no new exceptions since the release",
	"non-fatal problem with the theme, going on",
	// nothing as a value
	"done error=nil",
	"saved cart err=<nil>",
	"saved cart error=null took=3ms",
	"saved cart error=\"\" took=3ms",
	"saved cart error='' took=3ms",
	"saved cart error: none",
	"{\"saved\":true,\"error\":null}",
	"lastError=null state=up",
	"error: false",
	"error = 0",
	"error code: 0",
	"error code 0",
	"errno=0",
	"exception=None",
	// good ends
	"exit code 0",
	"shop-1 exited with code 0",
	"job 17 finished with exit status 0",
	"shop.service: Main process exited, code=exited, status=0/SUCCESS",
	"worker process 17 exited on signal 15",
	"recovered from error",
	"recovered from connection failure after 3s",
	"retrying after error (1/5)",
	"retry after failure: attempt 2 of 5",
	"all errors resolved",
	"error cleared on port 3",
	"fixed 3 errors in the index",
	"the earlier error was fixed",
	"--- PASS: TestErrorPage (0.01s)",
	"ok 12 - rejects on error",
	"✓ shows an error when the card is refused (12 ms)",
	"test parser::error_recovery ... ok",
	"test_failed_login ... ok",
	"PASS tests/errors.test.js",
	// names of things
	"ErrorHandler started",
	"Registered error handler for 500",
	"error handling middleware loaded",
	"Fatal error handler installed",
	"crash reporter initialised",
	"exception mapper bound",
	"Deadlock detector started",
	"failure detector: phi threshold 8",
	"panic handler installed",
	"error reporting enabled",
	"error pages are served from cache",
	"error budget left: 99.1%",
	"error_log=/var/log/shop/error.log",
	"reading error log /var/log/shop/error.log",
	"opened logs/error.log for writing",
	"serving /usr/share/nginx/html/errors/50x.html",
	"GET /errors/500.html",
	"DELETE /api/failed-jobs/17",
	"POST /v1/exceptions?error=all",
	"fetching https://docs.example.com/what-is-an-error#panic",
	"fetching https://docs.example.com/search?q=segmentation+fault",
	"fail2ban started, 3 jails",
	"failover is enabled",
	"fail-fast is on",
	"fail_timeout=10s max_fails=3",
	"Restart=on-failure RestartSec=5",
	"restart policy is on failure",
	"kernel command line: root=/dev/sda1 ro panic=10 quiet",
	"EXT4-fs (sda1): mounted filesystem with ordered data mode. Opts: errors=remount-ro",
	"kernel.panic = 10",
	"loading plugin crash-recovery",
	"entering critical section",
	"critical css inlined",
	"emergency contact of user 17 updated",
	"network segmentation is enabled",
	"added a firewall exception for port 443",
	"all hosts with the exception of web3 are up",
	"abort signal handler ready",
	"deny list loaded, 812 entries",
	"level=info fatal=false",
	// what might be
	"if the upload fails, it is tried again",
	"errors will be sent to Sentry",
	"in case of an error, call the operator",
	"checking for errors on /dev/sda1",
	"the check may fail on slow disks",
	"set -e: abort on error",
	"received SIGTERM, shutting down",
	"download cancelled by user, aborted by user",
	"log level set to ERROR",
	"minimum level: error",
	// and from here and there
	"ansible: web1 ok=12 changed=0 unreachable=0 failed=0 skipped=3 rescued=0 ignored=0",
	"pytest: 12 passed, 0 errors in 0.31s",
	"eslint: 0 errors and 0 warnings found",
	"cargo: test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured",
	"junit: Tests run: 3, Failures: 0, Errors: 0, Time elapsed: 0.1 s",
	"rsync: Number of errors: 0",
	"zfs: scan: scrub repaired 0B in 00:12:01 with 0 errors on Sun",
	"zpool: errors: No known data errors",
	"smartctl: No Errors Logged",
	"ifconfig: TX errors 0  dropped 0 overruns 0  carrier 0",
	"nginx: the configuration file syntax is ok, test is successful",
	"consul: serfHealth passing, no failing checks",
	"kubelet: Probe succeeded after 3 failures",
	"sentry: error tracking initialised with dsn",
	"datadog: Error Tracking is enabled",
	"express: error middleware mounted at /",
	"webpack compiled successfully, no errors",
	"django: loaded template errors/404.html",
	"rails: Rendered errors/not_found.html.erb (Duration: 1ms)",
	"app: feature flag panic_mode=false",
	"app: default exception handler set",
	"config: retries=3 retry_on_failure=true timeout=30s",
	"config: errorThreshold=5 failureRate=50",
	"cron: job done, exit status 0",
	"deploy: rollback not needed, nothing failed",
	"queue: 0 dead, 0 failed, 12 done",
	"fsck: 0 corrupt blocks",
	"backup: verified 812 files, none corrupt",
	"raid: no failed disks",
	"grpc: status OK, error <nil>",
	"http: GET /static/js/error-overlay.js 200",
	"search: query=\"fatal+error\" hits=12",
	"linker: --fatal-warnings is off",
	"jvm: -XX:+HeapDumpOnOutOfMemoryError -XX:ErrorFile=/var/log/hs_err.log",
	"redis: RDB: 0 MB of memory used by copy-on-write, no errors",
	"chrony: System clock wrong by 0.0 seconds, error bound 0.001",
	"test: should not crash on empty input ... passed",
	"errors were zero in the last run",
	"the previous failure has been resolved",
	"reload finished with 0 failures and 2 warnings",
	"uploaded 12 files, no failures",
	"error_handler=default",
	"Loaded 12 error templates",
	"Setting ErrorLog to /var/log/shop.err",
	"health check passed, errors: 0, latency 3ms",
	"GET /api/errors?since=yesterday 200 12ms",
	"closing connection: no error",
	"nothing failed, nothing skipped",
	"fsck finished: filesystem is clean, 0 errors corrected",
	"circuit breaker: failure threshold 5, half-open after 30s",
	"Failsafe policy set up",
	"ignoring error from optional plugin",
	"connected after 2 failed attempts",
	"lint: 0 problems (0 errors, 0 warnings)",
	"restore complete (errors = 0)",
	"stderr: none",
	"exit status: 0",
	"tests: 120 passed, 0 failed, 0 errors in 3.1s",
	"on_error: continue",
	"the job will be retried if it fails",
	"crashpad handler pid 77 ready",
	"Deny rules: 3, allow rules: 9",
	"SMART overall-health self-assessment test result: PASSED, error log is empty",
	"previous error is gone",
	"error=0 warn=0 ok=12",
	"err: nil",
	"critical=0 high=0 medium=2",
	"no vulnerabilities of critical severity",
	"Exception breakpoints enabled",
	"PanicButton component mounted",
	"subscribed to topic errors.v1",
	"created index failed_jobs_id_idx",
	"consumer group dead-letter-errors joined",
	"errors=none status=ok",
	"watchdog: abort timeout is 30s",
	"successfully recovered from a crash",
	"queries wait if no server available",
	// what a unit is called and described as
	"Started crash.service - Reporter of crashes.",
	"Starting depot-dump.service - Kernel crash dump capture...",
	"Finished depot-store.service - Archive of what was killed by a panic.",
	"Stopping failed-jobs.timer - Tries failed jobs again...",
	"Reached target emergency.target - Fatal Error Mode.",
	"Listening on crashd.socket - Socket of the crash handler.",
	"Created slice system-crash.slice - Slice /system/crash.",
	"depot-dump.service - Kernel crash dump capture was skipped because of an unmet condition check (ConditionKernelCommandLine=crashkernel).",
	"Condition check resulted in Process error reports when automatic reporting is enabled being skipped.",
	"Starting Kernel crash dump capture service...",
	"Started Process Error Reports.",
}

// unitTroubles are what happened to units, whatever they are called.
var unitTroubles = []string{
	"Failed to start crash.service - Reporter of crashes.",
	"Failed to start depot.service - The depot.",
	"Dependency failed for depot.service - The depot.",
	"Stopped the worker after a fatal error.",
	"Stopped Worker 3 after a fatal error.",
	"Started cleaning up: error.",
	"Starting Worker failed: no such file or directory.",
	"depot.service - connection to the crane failed.",
}

// TestWords reads all of them as lines of a plain log.
func TestWords(t *testing.T) {
	check := func(lines []string, bad bool) {
		right := 0
		for _, s := range lines {
			r := one(t, s)
			if (r.Severity >= fail) == bad {
				right++
			} else {
				t.Errorf("%q is %v", s, r.Severity)
			}
			// where the words stand must not matter much: behind some words of a plain sentence the same holds
			if c := s[0]; isLower(c) && !strings.Contains(s, "ok") && !strings.HasPrefix(s, "test") {
				if r := one(t, "worker three says - "+s); (r.Severity >= fail) != bad {
					t.Errorf("behind other words, %q is %v", s, r.Severity)
				}
			}
		}
		t.Logf("%d of %d", right, len(lines))
	}
	t.Run("problems", func(t *testing.T) { check(problemLines, true) })
	t.Run("units", func(t *testing.T) { check(unitTroubles, true) })
	t.Run("harmless", func(t *testing.T) { check(harmlessLines, false) })
}

// TestWordsFarBehind looks at where in a long line the words stand: at its end, where wrapped errors say what happened, but
// not in what is quoted in its middle.
func TestWordsFarBehind(t *testing.T) {
	pad := strings.Repeat("of basket 4711 and its items ", 30)
	for _, c := range []struct {
		line string
		bad  bool
	}{
		{"saving " + pad + ": dial tcp 10.1.2.3:5432: connect: connection refused", true},
		{"cannot save " + pad, true},
		{"saved " + pad + " with 0 errors", false},
		{"saved " + pad + " fatal " + pad, false},
		{"saved " + pad[:300] + "/var/log/" + strings.Repeat("x", 150) + "error", false},
	} {
		if r := one(t, c.line); (r.Severity >= fail) != c.bad {
			t.Errorf("%q is %v", c.line, r.Severity)
		}
	}
}

// The words that are not looked at mean nothing, and those before a word are the same whether they are gathered on the way
// or looked for behind it.
func TestWordsLookedAt(t *testing.T) {
	for w := range alarms {
		for _, v := range []string{w, strings.ToUpper(w), strings.ToUpper(w[:1]) + w[1:]} {
			if !mayAlarm(v) {
				t.Errorf("%q is passed over", v)
			}
		}
	}
	for _, w := range []string{"KeyError", "IOError", "SQLException", "ENOENT", "ECONNREFUSED", "EAI_AGAIN"} {
		if alarmWord(w).part == partNone || !mayAlarm(w) {
			t.Errorf("%q is passed over", w)
		}
	}
	const bytes = "aB_9  ,;.. :=\xc3\xa9\x00"
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var b []byte
		for range rng.IntN(60) {
			b = append(b, bytes[rng.IntN(len(bytes))])
		}
		s := string(b)
		var back [4]string
		for i := 0; i < len(s); {
			if c := s[i]; !termBytes[c] {
				if c == ',' || c == ';' || c == '.' && at(s, i+1) == ' ' {
					back = [4]string{}
				}
				i++
				continue
			}
			k := i
			for k < len(s) && termBytes[s[k]] {
				k++
			}
			if got := wordsBefore(s, i); got != back {
				t.Fatalf("before %d of %q: %q, not %q", i, s, got, back)
			}
			copy(back[1:], back[:3])
			back[0] = s[i:k]
			i = k
		}
	}
}
