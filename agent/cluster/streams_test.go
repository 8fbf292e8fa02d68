package cluster

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// A stream is a log as some software writes it: what it says and how often. {names} stand for what varies.
type stream struct {
	name  string
	lines []string // "weight text"; a text after "|" is another form of the same message, one time in fifty
	least float64  // the share of lines that must be in a right group; below 1 where a loss is known and named
}

var fillers = map[string]func(*rand.Rand) string{
	"two":  func(r *rand.Rand) string { return fmt.Sprintf("%02d", r.IntN(60)) },
	"num":  func(r *rand.Rand) string { return fmt.Sprint(r.IntN(90000)) },
	"ip":   func(r *rand.Rand) string { return fmt.Sprintf("10.%d.%d.%d", r.IntN(256), r.IntN(256), r.IntN(256)) },
	"port": func(r *rand.Rand) string { return fmt.Sprint(1024 + r.IntN(60000)) },
	"hex":  func(r *rand.Rand) string { return fmt.Sprintf("%08x%04x", r.Uint32(), r.IntN(65536)) },
	"uuid": func(r *rand.Rand) string {
		return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", r.Uint32(), r.IntN(65536), r.IntN(4096), r.IntN(4096), r.Int64N(1<<48))
	},
	"float": func(r *rand.Rand) string { return fmt.Sprintf("%.3f", r.Float64()*10) },
	"user": func(r *rand.Rand) string {
		return oneOf(r, "root", "daemon", "backup", "alice", "bob", "carol", "dave", "www-data", "postgres", "nagios")
	},
	"few":  func(r *rand.Rand) string { return oneOf(r, "mail", "ftp", "games") },
	"name": func(r *rand.Rand) string { return syllables(r) },
	"host": func(r *rand.Rand) string {
		switch r.IntN(4) {
		case 0:
			return fmt.Sprintf("10.%d.%d.%d", r.IntN(256), r.IntN(256), r.IntN(256))
		case 1:
			return fmt.Sprintf("dsl-%d-%d.pool.%s.example", r.IntN(256), r.IntN(256), syllables(r))
		case 2:
			return syllables(r) + ".example.org"
		}
		return syllables(r)
	},
	"unit": func(r *rand.Rand) string {
		return oneOf(r, "cron", "sshd", "nginx", "fwupd", "logrotate", "apt-daily", "man-db", "postgresql@14-main", "user@1000", "systemd-tmpfiles-clean") + oneOf(r, ".service", ".service", ".timer", ".scope")
	},
	"path": func(r *rand.Rand) string {
		return "/var/lib/" + syllables(r) + "/" + syllables(r) + oneOf(r, ".db", ".log", "", ".tmp")
	},
	"list": func(r *rand.Rand) string {
		var b []string
		for range 1 + r.IntN(6) {
			b = append(b, fmt.Sprint(r.IntN(1000)))
		}
		return strings.Join(b, ", ")
	},
	"opt":  func(r *rand.Rand) string { return oneOf(r, "", "alice", "root", "7") },
	"verb": func(r *rand.Rand) string { return oneOf(r, "GET", "GET", "POST", "PUT") },
	"topic": func(r *rand.Rand) string {
		return fmt.Sprintf("%s-%d", oneOf(r, "orders", "payments", "clicks", "__consumer_offsets", "user.events"), r.IntN(50))
	},
	"pod": func(r *rand.Rand) string {
		return fmt.Sprintf("%s-%x-%s", oneOf(r, "api", "web", "cart", "worker"), 0x5d0000+r.IntN(0xffff), oneOf(r, "x7k2p", "b9qzt", "mmw4c", "kkvbn", "zqwtr"))
	},
}

func oneOf(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

func syllables(r *rand.Rand) string {
	var b strings.Builder
	for range 2 + r.IntN(2) {
		b.WriteByte("bdfgklmnprstvz"[r.IntN(14)])
		b.WriteByte("aeiou"[r.IntN(5)])
	}
	return b.String()
}

func fill(r *rand.Rand, t string) string {
	var b strings.Builder
	for {
		k := strings.IndexByte(t, '{')
		if k < 0 {
			return b.String() + t
		}
		e := k + strings.IndexByte(t[k:], '}')
		f, ok := fillers[t[k+1:e]]
		b.WriteString(t[:k])
		if ok {
			b.WriteString(f(r))
		} else {
			b.WriteString(t[k : e+1])
		}
		t = t[e+1:]
	}
}

// make gives n lines and the label of each.
func (s stream) make(seed uint64, n int) (lines, labels []string) {
	r := rand.New(rand.NewPCG(seed, 11))
	var forms [][]string
	var deck []int
	for i, l := range s.lines {
		w := 0
		fmt.Sscan(l, &w)
		_, text, _ := strings.Cut(l, " ")
		forms = append(forms, strings.Split(text, " | "))
		for range w {
			deck = append(deck, i)
		}
	}
	for range n {
		k := deck[r.IntN(len(deck))]
		form := forms[k][0]
		if len(forms[k]) > 1 && r.IntN(50) == 0 {
			form = forms[k][1+r.IntN(len(forms[k])-1)]
		}
		lines = append(lines, fill(r, form))
		labels = append(labels, forms[k][0])
	}
	return lines, labels
}

var streams = []stream{
	{name: "auth", least: 0.88, lines: []string{
		"400 authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={host} | authentication failure; logname={opt} uid=0 euid=0 tty=:0 ruser={opt} rhost={opt}",
		"300 authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={host}  user={user} | authentication failure; logname=LOGIN uid=0 euid=0 tty=tty1 ruser= rhost=  user={opt}",
		"100 session opened for user {user} by (uid=0) | session opened for user {user} by {user}(uid=0)",
		"100 session closed for user {user}",
		"40 check pass; user unknown",
		"40 connection from {ip} ({host}) at Mon Jul 11 03:46:{two} 2005 | connection from {ip} () at Mon Jul 11 03:46:21 2005",
		"10 ALERT exited abnormally with [{num}]",
		"10 Kerberos authentication failed",
		"10 getpeername ({few}): Transport endpoint is not connected",
		"6 cups: {few}d startup succeeded",
		"6 cups: {few}d shutdown succeeded",
		"20 Did not receive identification string from {ip} port {port}",
		"30 Failed password for {user} from {ip} port {port} ssh2",
		"30 Failed password for invalid user {name} from {ip} port {port} ssh2",
		"30 Connection closed by authenticating user {user} {ip} port {port} [preauth]",
		"5 Accepted publickey for {user} from {ip} port {port} ssh2: RSA SHA256:{hex}",
	}},
	{name: "systemd", least: 0.99, lines: []string{
		"60 Started Session {num} of user {user}.",
		"40 Starting {name} {name} daemon...",
		"60 {unit}: Succeeded.",
		"60 {unit}: Deactivated successfully.",
		"30 {unit}: Main process exited, code=exited, status={num}/FAILURE",
		"30 {unit}: Failed with result 'exit-code'.",
		"30 {unit}: Consumed {float}s CPU time.",
		"20 {unit}: Scheduled restart job, restart counter is at {num}.",
		"20 Created slice User Slice of UID {num}.",
		"20 Reloading.",
	}},
	{name: "kernel", least: 0.99, lines: []string{
		"50 usb 1-{num}: new high-speed USB device number {num} using xhci_hcd",
		"50 usb 1-{num}: New USB device found, idVendor={hex}, idProduct={hex}, bcdDevice= 1.00",
		"50 [UFW BLOCK] IN=eth0 OUT= MAC=00:16:3e:5e:6c:00:52:54:00:12:34:56:08:00 SRC={ip} DST={ip} LEN={num} TOS=0x00 PREC=0x00 TTL=54 ID={num} PROTO=TCP SPT={port} DPT={port} WINDOW=1024 RES=0x00 SYN URGP=0",
		"20 Out of memory: Killed process {num} ({name}) total-vm:{num}kB, anon-rss:{num}kB, file-rss:{num}kB, shmem-rss:0kB, UID:{num} pgtables:{num}kB oom_score_adj:0",
		"20 {name} invoked oom-killer: gfp_mask=0x{hex}(GFP_KERNEL), order=0, oom_score_adj=0",
		"20 eth0: link up, 1000Mbps, full-duplex",
		"20 EXT4-fs ({few}1): mounted filesystem with ordered data mode. Opts: (null)",
		"20 {name}[{num}]: segfault at {hex} ip {hex} sp {hex} error 4 in {name}.so[{hex}+{hex}]",
		"20 audit: type=1400 audit({num}.{num}:{num}): apparmor=\"DENIED\" operation=\"open\" profile=\"{name}\" name=\"{path}\" pid={num} comm=\"{name}\" requested_mask=\"r\"",
	}},
	{name: "cloud", least: 0.99, lines: []string{
		"100 {ip} \"GET /v2/{hex}/servers/detail HTTP/1.1\" status: 200 len: {num} time: {float}",
		"60 [instance: {uuid}] VM Started (Lifecycle Event)",
		"60 [instance: {uuid}] VM Paused (Lifecycle Event)",
		"40 [instance: {uuid}] Took {float} seconds to build instance. | [instance: {uuid}] Took 1 second to build instance.",
		"40 Active base files: {path}",
		"40 image {uuid} at ({path}): checking",
		"40 [instance: {uuid}] Attempting claim: memory {num} MB, disk {num} GB, vcpus 1 CPU",
		"40 Creating event network-vif-plugged:{uuid} for instance {uuid}",
		"20 While synchronizing instance power states, found {num} instances in the database and {num} instances on the hypervisor.",
		"10 HTTP exception thrown: No instances found for any event",
	}},
	{name: "cluster", least: 0.99, lines: []string{
		"50 data_thread() got not answer from any [{name}] datasource",
		"50 ({user}) CMD (/usr/lib/sa/sa1 {num} {num})",
		"40 DHCPDISCOVER from 00:11:43:e3:ba:{two} via eth1: network A_net: no free leases",
		"40 synchronized to {ip}, stratum {num}",
		"40 postfix/smtpd[{num}]: connect from {host}[{ip}] | postfix/smtpd[{num}]: connect from unknown[{ip}]",
		"30 Local disk {path} is {num}% full on node {name}",
		"30 ib_sm_sweep.c:{num}: No topology change",
	}},
	{name: "kafka", least: 0.99, lines: []string{
		"60 [Log partition={topic}, dir={path}] Rolled new log segment at offset {num} in {num} ms.",
		"60 [GroupCoordinator {num}]: Member {name}-{uuid} in group {name} has failed, removing it from the group",
		"40 [GroupCoordinator {num}]: Preparing to rebalance group {name} in state PreparingRebalance with old generation {num} (__consumer_offsets-{num}) (reason: Adding new member {name}-{uuid} with group instance id None)",
		"40 [GroupCoordinator {num}]: Stabilized group {name} generation {num} (__consumer_offsets-{num}) with {num} members",
		"40 [Partition {topic} broker={num}] Shrinking ISR from {list} to {num}. Leader: (highWatermark: {num}, endOffset: {num}).",
		"30 [ReplicaFetcher replicaId={num}, leaderId={num}, fetcherId=0] Truncating partition {topic} to local high watermark {num}",
		"20 Connection to node {num} ({name}/{ip}:{port}) could not be established. Broker may not be available.",
	}},
	{name: "cassandra", least: 0.99, lines: []string{
		"60 Compacted ({uuid}) {num} sstables to [{path},] to level=0.  {float}MiB to {float}MiB (~{num}% of original) in {num}ms.",
		"40 ParNew GC in {num}ms.  CMS Old Gen: {num} -> {num}; Par Eden Space: {num} -> 0;",
		"40 InetAddress /{ip} is now DOWN",
		"40 InetAddress /{ip} is now UP",
		"30 Writing Memtable-{name}@{num}({num} serialized bytes, {num} ops, 0%/0% of on/off-heap limit)",
		"30 Enqueuing flush of {name}: {num} (0%) on-heap, 0 (0%) off-heap",
		"20 Repair session {uuid} for range ({num},{num}] failed with error java.io.IOException: Endpoint /{ip} died",
	}},
	{name: "haproxy", least: 0.99, lines: []string{
		"200 {ip}:{port} [06/Feb/2009:12:14:14.655] http-in {name}/{name} 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} \"GET /index.html HTTP/1.1\" ",
		"40 Server {name}/{name} is DOWN, reason: Layer4 connection problem, info: \"Connection refused\", check duration: {num}ms. {num} active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
		"40 Server {name}/{name} is UP, reason: Layer7 check passed, code: 200, check duration: {num}ms. {num} active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
		"20 backend {name} has no server available!",
	}},
	{name: "postfix", least: 0.99, lines: []string{
		"80 {hex}: from=<{user}@{name}.example>, size={num}, nrcpt={num} (queue active) | {hex}: from=<>, size={num}, nrcpt=1 (queue active)",
		"80 {hex}: to=<{user}@{name}.example>, relay={host}[{ip}]:25, delay={float}, delays=0.1/0/0.1/0.2, dsn=2.0.0, status=sent (250 2.0.0 OK {num} {hex})",
		"10 {hex}: to=<{user}@{name}.example>, relay=local, delay={float}, delays=0.1/0/0/0, dsn=2.0.0, status=sent (delivered to mailbox)",
		"80 {hex}: removed",
		"80 {hex}: message-id=<{hex}@{name}.example>",
		"60 connect from {host}[{ip}] | connect from unknown[{ip}]",
		"60 disconnect from {host}[{ip}] ehlo=1 auth=0/1 commands={num}/{num}",
		"20 lost connection after AUTH from {host}[{ip}] | lost connection after AUTH from unknown[{ip}]",
		"20 warning: hostname {host} does not resolve to address {ip}: Name or service not known",
		"20 NOQUEUE: reject: RCPT from {host}[{ip}]: 554 5.7.1 <{user}@{name}.example>: Relay access denied; from=<{user}@{name}.example> to=<{user}@{name}.example> proto=ESMTP helo=<{name}>",
	}},
	{name: "kubernetes", least: 0.99, lines: []string{
		"60 SyncLoop (PLEG): \"{pod}_{name}({uuid})\", event: &pleg.PodLifecycleEvent{ID:\"{uuid}\", Type:\"ContainerStarted\", Data:\"{hex}\"}",
		"60 Successfully assigned {name}/{pod} to {name}",
		"40 Back-off restarting failed container {name} in pod {pod}_{name}({uuid})",
		"40 Readiness probe failed: Get \"http://{ip}:8080/healthz\": dial tcp {ip}:8080: connect: connection refused",
		"40 Pulling image \"registry.example.com/{name}:{float}\"",
		"40 Successfully pulled image \"registry.example.com/{name}:{float}\" in {float}s",
		"30 Error syncing pod {uuid}, skipping: failed to \"StartContainer\" for \"{name}\" with CrashLoopBackOff: \"back-off 5m0s restarting failed container={name} pod={pod}_{name}({uuid})\"",
		"30 MountVolume.SetUp succeeded for volume \"{name}\" (UniqueName: \"kubernetes.io/secret/{uuid}-{name}\") pod \"{pod}\" (UID: \"{uuid}\")",
		"20 Scaled up replica set {name}-{hex} to {num}",
	}},
	{name: "service", least: 0.99, lines: []string{
		"80 user {name} logged in from {ip}",
		"80 order {num} of customer {name} shipped to {name}",
		"60 mount of volume {name} on host {name} failed: no such device",
		"60 cache miss for key {name}:{num}",
		"60 worker {name} took job {name} from queue {few}",
		"40 payment declined for user {user}: insufficient funds",
		"40 payment declined for user {user}: card expired",
		"40 retrying request to {name}:{port} after {float} seconds | retrying request to {ip}:{port} after 1 second | retrying request to {name}.example.org:{port} after 1 second",
		"40 processed ids {list} in batch {num}",
		"40 processed items {num} ok, {num} ok, {num} ok in round {num} | processed items {num} ok in round {num} | processed items {num} ok, {num} ok in round {num}",
		"30 config reloaded user={opt} region={opt}",
		"30 relation \"{name}\" does not exist at character {num}",
		"30 duplicate key value violates unique constraint \"{name}_pkey\"",
		"20 shutdown requested by operator {user}",
		"10 server started",
		"10 server stopped",
		"10 backup of database {few} finished",
		"10 backup of database {few} failed",
	}},
	{name: "desktop", least: 0.99, lines: []string{
		"40 ARPT: {float}: wl0: wl_update_tcpkeep_seq: Original Seq: {num}, Ack: {num}, Win size: {num}",
		"40 en0: BSSID changed to 5c:50:15:4c:18:{two}",
		"40 PM response took {num} ms ({num}, {name})",
		"40 Cocoa scripting error for '0x{hex}': four character codes must be four characters long.",
		"40 objc[{num}]: Class {name} is implemented in both {path} (0x{hex}) and {path} (0x{hex}). One of the two will be used. Which one is undefined.",
		"30 [{num}:{num}:{num}/{num}.{num}:ERROR:{name}.cc({num})] {name} not found",
		"30 Bonjour: Failed to resolve {name}._airplay._tcp.local: error {num}",
		"20 Setting hostid to {hex}",
	}},
}

// The lines of many kinds of software, written in its style: words that vary in one place or two, lists, values that are
// missing, and a few odd lines among very many must not split a group.
func TestStreams(t *testing.T) {
	for _, s := range streams {
		for _, n := range []int{1500, 20000} {
			lines, labels := s.make(uint64(n), n)
			ids, templates := placed(t, lines)
			g := grade(ids, templates, labels)
			t.Logf("%-12s %6d lines: GA %.4f FGA %.4f", s.name, n, g.ga, g.fga)
			if g.ga < s.least {
				t.Errorf("%s, %d lines: GA %.4f, want %.2f", s.name, n, g.ga, s.least)
			}
		}
	}
}
