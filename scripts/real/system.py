"""systemd with its journal, rsyslog, and the kernel's ring buffer."""
import json
import logging
import logging.handlers
import os
import re
import subprocess
import time

from provoke import Log, at_once, expect, run, start, stop, version, wait

PY = "/usr/bin/python3"
APP = "/srv/app"

CRASH = "int main(void) { volatile int *p = 0; *p = 1; return 0; }"
EAT = """
#include <stdlib.h>
#include <string.h>
int main(void) { for (;;) memset(malloc(1 << 20), 1, 1 << 20); }
"""

UNITS = {
    "billing": f"Type=oneshot\nExecStart={PY} -c \"import sys; print('order-1 billed: 0 errors'); sys.exit(3)\"",
    "missing": "Type=oneshot\nExecStart=/srv/bin/nothere",
    "slowstart": "Type=notify\nTimeoutStartSec=1\nExecStart=/bin/sleep 30",
    "crash": "Type=simple\nExecStart=/srv/bin/crash",
    "packing": f"Type=oneshot\nExecStart={PY} noisy.py packing 2 /srv/told/packing",
    "shipping": f"Type=oneshot\nExecStart={PY} noisy.py shipping 2 /srv/told/shipping",
}


def compile_(name, text):
    os.makedirs("/srv/bin", exist_ok=True)
    with open(f"/srv/bin/{name}.c", "w", encoding="utf-8") as f:
        f.write(text)
    expect(run(["gcc", "-O0", "-o", f"/srv/bin/{name}", f"/srv/bin/{name}.c"]), 0, name)


def mount(*args):
    expect(run(["mount", *args]), 0, " ".join(args))


def journal():
    compile_("crash", CRASH)
    for d in ("/run", "/var/log"):
        mount("-t", "tmpfs", "tmpfs", d)
    for d in ("/run/systemd/journal", "/run/systemd/system", "/run/user/0", "/var/log/journal", "/srv/etc", "/srv/home/.config/systemd/user"):
        os.makedirs(d, mode=0o700 if "user" in d else 0o755, exist_ok=True)
    with open("/srv/etc/machine-id", "w") as f:
        f.write("10ca1beef0000000000000000000cafe\n")
    with open("/srv/etc/journald.conf", "w") as f:
        f.write("[Journal]\nStorage=persistent\nReadKMsg=no\nAudit=no\nForwardToSyslog=no\nRateLimitBurst=0\n")
    mount("--bind", "/srv/etc/machine-id", "/etc/machine-id")
    if os.path.exists("/etc/systemd/journald.conf"):
        mount("--bind", "/srv/etc/journald.conf", "/etc/systemd/journald.conf")
    open("/run/systemd/journal/flushed", "w").close()
    journald = start(["/usr/lib/systemd/systemd-journald"])
    wait("journald", lambda: os.path.exists("/run/systemd/journal/stdout") and os.path.exists("/run/systemd/journal/socket"))
    v = version(["systemctl", "--version"])
    logs = [Log("journal-short.log", v, timed=False, service="*"), Log("journal-iso.log", v, timed=True, service="*"), Log("journal-json.log", v, timed=True, service="*")]
    for name, text in UNITS.items():
        with open(f"/srv/home/.config/systemd/user/{name}.service", "w") as f:
            f.write(f"[Unit]\nDescription=The shop's {name}\n[Service]\nWorkingDirectory={APP}\nStandardOutput=journal\nStandardError=journal\n{text}\n")
    env = {"XDG_RUNTIME_DIR": "/run/user/0", "PYTHONUNBUFFERED": "1"}
    manager = start(["/usr/lib/systemd/systemd", "--user", "--log-target=journal"], env=env, cwd="/")
    wait("systemd", lambda: os.path.exists("/run/user/0/systemd/private"))

    # What systemd says of being started like this, without a system's own systemd above it, is not of interest.
    time.sleep(1)
    run(["journalctl", "--sync"])
    ready = subprocess.run(["journalctl", "-D", "/var/log/journal", "-o", "json", "-n", "1"], stdout=subprocess.PIPE, check=True).stdout
    cursor = json.loads(ready)["__CURSOR"]

    def each(what, *args, **kw):
        for log in logs:
            getattr(log, what)(*args, **kw)
    systemctl = ["systemctl", "--user"]
    for name, why in (("billing", "status=3/NOTIMPLEMENTED"), ("missing", "status=203/EXEC"), ("slowstart", "")):
        expect(run([*systemctl, "start", name], env=env), 1, name)
        if why:
            each("either", "main process exited", f"{name}.service: Main process exited, code=exited, {why}")
        each("either", "failed with result", f"{name}.service: Failed with result '")
        each("problem", "failed to start", f"Failed to start {name}.service - The shop's {name}.")
    each("harmless", "output of a unit", "order-1 billed: 0 errors")
    each("either", "time-out", "slowstart.service: start operation timed out. Terminating.")
    each("either", "exec", "missing.service: Failed to locate executable /srv/bin/nothere")
    each("problem", "exec", "missing.service: Failed at step EXEC spawning /srv/bin/nothere: No such file or directory")
    expect(run([*systemctl, "start", "crash"], env=env), 0, "crash")
    each("harmless", "a unit of an alarming name", "Started crash.service - The shop's crash.")
    for log in logs:
        # systemd itself gives it no more than a notice, which the text forms don't show.
        (log.either if "json" in log.name else log.problem)("crashed", "crash.service: Main process exited, code=", "/SEGV")
    each("either", "failed with result", "crash.service: Failed with result '")
    at_once(*[lambda n=n: expect(run([*systemctl, "start", n], env=env), 0, n) for n in ("packing", "shipping")])
    for name in ("packing", "shipping"):
        with open(f"/srv/told/{name}", encoding="utf-8") as f:
            for line in f:
                for log in logs:
                    with open(log.told, "a", encoding="utf-8") as t:
                        t.write(line)
    time.sleep(0.5)
    run(["journalctl", "--sync"])
    stop(manager)
    stop(journald)
    for log, form in zip(logs, ("short", "short-iso-precise", "json")):
        with open(log.path, "wb") as f:
            subprocess.run(["journalctl", "-D", "/var/log/journal", "--after-cursor", cursor, "-o", form, "--no-pager", "-q", "--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_PID,_HOSTNAME,_TRANSPORT"],
                           stdout=f, check=True)
        log.write()


def syslog():
    v = "rsyslog " + version(["rsyslogd", "-v"]).split()[1]
    logs = [Log("syslog.log", v, timed=False, service="*"), Log("syslog-5424.log", v, timed=True, service="*"), Log("syslog-iso.log", v, timed=True, service="*")]
    os.makedirs("/srv/etc", exist_ok=True)
    with open("/srv/etc/rsyslog.conf", "w") as f:
        f.write('module(load="imuxsock" SysSock.Use="off")\ninput(type="imuxsock" Socket="/srv/run/log" RateLimit.Interval="0")\nglobal(workDirectory="/srv/run")\n')
        for log, form in zip(logs, ("TraditionalFileFormat", "SyslogProtocol23Format", "FileFormat")):
            f.write(f'action(type="omfile" file="{log.path}" template="RSYSLOG_{form}")\n')
    p = start(["rsyslogd", "-n", "-f", "/srv/etc/rsyslog.conf", "-i", "/srv/run/rsyslog.pid"])
    wait("rsyslog", lambda: os.path.exists("/srv/run/log"))
    names = ("packing", "shipping", "returns")

    def one(name):
        told = f"/srv/told/syslog-{name}"
        if os.path.exists(told):
            os.remove(told)
        # `-i` gives logger's own process number, so that the writers can be told apart.
        worker = subprocess.Popen([PY, "noisy.py", name, "3", told], cwd=APP, stderr=subprocess.PIPE)
        expect(run(["true"]), 0, "true")
        logger = subprocess.run(["logger", "-u", "/srv/run/log", "-i", "-t", name], stdin=worker.stderr, check=True)
        expect(worker.wait() + logger.returncode, 0, name)
    at_once(*[lambda n=n: one(n) for n in names])
    for name in names:
        with open(f"/srv/told/syslog-{name}", encoding="utf-8") as f:
            rows = f.read()
        for log in logs:
            with open(log.told, "a", encoding="utf-8") as t:
                t.write(rows)
    # A handler sends a trace as one message; rsyslog writes its line ends as #012.
    log = logging.getLogger("billing")
    handler = logging.handlers.SysLogHandler(address="/srv/run/log")
    handler.setFormatter(logging.Formatter("billing[77]: %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    for n in range(3):
        ref = f"order-{n:03d}"
        log.info("%s billed: 0 errors", ref)
        try:
            {}[ref]
        except KeyError:
            log.exception("cannot bill %s", ref)
        for one_ in logs:
            one_.harmless("harmless", f"{ref} billed: 0 errors", pid="77", host="web1")
            one_.problem("trace in one line", f"cannot bill {ref}", "Traceback (most recent call last)", f"KeyError: '{ref}'", exception="KeyError", pid="77", host="web1", frame="syslog")
    wait("rsyslog", lambda: logs[2].has("cannot bill order-002"))
    stop(p)
    for one_ in logs:
        one_.write()


def kernel():
    compile_("crash", CRASH)
    compile_("eat", EAT)
    log = Log("kernel.log", "Linux " + os.uname().release.split("-")[0], timed=False, service="kernel")

    def ring():
        return subprocess.run(["dmesg", "--color=never"], stdout=subprocess.PIPE, check=True, text=True, errors="replace").stdout.splitlines()

    def at(line):
        m = re.match(r"\[ *(\d+\.\d+)\]", line)
        return float(m.group(1)) if m else 0
    before = ring()
    last = at(before[-1]) if before else 0
    for n in range(2):
        expect(run(["/srv/bin/crash"]), -11, "crash")
        time.sleep(0.1)
    log.problem("segfault", "crash[", "segfault at 0 ip", "error 6 in crash[", count=2)
    group = "/sys/fs/cgroup/memory/shop-real-logs"
    if os.path.isdir("/sys/fs/cgroup/memory"):
        os.makedirs(group, exist_ok=True)
        for name, text in (("memory.limit_in_bytes", str(16 << 20)),):
            with open(f"{group}/{name}", "w") as f:
                f.write(text)
        code = run(["sh", "-c", f"echo $$ > {group}/cgroup.procs && exec /srv/bin/eat"])
        expect(code, -9, "eat")
        os.rmdir(group)
        log.problem("out of memory", "eat invoked oom-killer: gfp_mask=", "Call Trace:", "Tasks state (memory values in pages):", "Memory cgroup out of memory: Killed process")
    with open("/dev/kmsg", "w") as f:
        f.write("<6>shop: order-1 has 0 errors\n")
    log.harmless("harmless", "shop: order-1 has 0 errors")
    time.sleep(0.2)
    with open(log.path, "w", encoding="utf-8") as f:
        f.writelines(line + "\n" for line in ring() if at(line) > last)
    log.write()


SOFTWARE = {"kernel": kernel, "syslog": syslog, "journal": journal}
