"""What every provoking program shares: running servers, asking them, and writing down what was provoked.

The manifest beside a log is written from what was done, while it is done. It never sees what Logwright makes of the log.
"""

import datetime
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time

OUT = os.environ.get("OUT", "/srv/out")
TOLD = "/srv/told"  # where programs of other languages write down what they provoke


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Log:
    """One log and its manifest.

    An event is found by `holds`: texts that all stand in it, whichever lines they are in. A text of the first line, one of the
    last and one that only this event has prove that it is whole, and nobody else's.
    """

    def __init__(self, name, software, **about):
        self.name, self.path = name, os.path.join(OUT, name)
        self.about = {"software": software, **about}
        self.events, self.begun, self.lock = [], now(), threading.Lock()
        if os.path.exists(self.path):
            os.remove(self.path)
        self.told = os.path.join(TOLD, name)
        os.makedirs(TOLD, exist_ok=True)
        if os.path.exists(self.told):
            os.remove(self.told)

    def problem(self, kind, *holds, **fields):
        with self.lock:
            self.events.append({"kind": kind, "problem": True, "holds": list(holds), **fields})

    def harmless(self, kind, *holds, **fields):
        with self.lock:
            self.events.append({"kind": kind, "problem": False, "holds": list(holds), **fields})

    def either(self, kind, *holds, **fields):
        """One event, of which it is a matter of taste whether it is a problem."""
        self.problem(kind, *holds, either=True, **fields)

    def append(self):
        return open(self.path, "ab", buffering=0)

    def has(self, text, times=1):
        """Says whether the log has text already. It is only asked to know when a server is done writing."""
        try:
            with open(self.path, "rb") as f:
                return f.read().count(text.encode()) >= times
        except FileNotFoundError:
            return False

    def write(self):
        with open(self.path, "rb") as f:
            text = f.read()
        # The one thing that is changed afterwards: a kernel that somebody built bears his name for it.
        release = os.uname().release
        with open(self.path, "wb") as f:
            f.write(text.replace(release.encode(), release.split("-")[0].encode()))
        if os.path.exists(self.told):
            with open(self.told, encoding="utf-8") as f:
                self.events += [json.loads(line) for line in f]
        m = {"log": self.name, **self.about, "from": self.begun, "until": now(), "events": self.events}
        with open(self.path + ".json", "w", encoding="utf-8") as f:
            # One event a line, so that a difference can be read.
            head = json.dumps({k: v for k, v in m.items() if k != "events"}, ensure_ascii=False)
            rows = ",\n".join(json.dumps(e, ensure_ascii=False) for e in self.events)
            f.write(head[:-1] + ', "events": [\n' + rows + "\n]}\n")
        problems = sum(e.get("count", 1) for e in self.events if e["problem"] and not e.get("either"))
        print(f"  {self.name}: {problems} problems, {len(self.events)} things told apart, {os.path.getsize(self.path)} bytes", flush=True)


def wait(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come in {seconds} s")
        time.sleep(0.05)


def listening(port):
    def check():
        with socket.socket() as s:
            s.settimeout(1)
            return s.connect_ex(("127.0.0.1", port)) == 0
    return check


def start(argv, log=None, port=0, user=None, cwd=None, env=None, stdout=None, stderr=None):
    """Starts a server; both its streams go to log unless said otherwise."""
    out = stdout or (log.append() if log else subprocess.DEVNULL)
    err = stderr or (out if log else subprocess.DEVNULL)
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, user=user, group=user, extra_groups=[] if user else None,
                         cwd=cwd, env={**os.environ, **(env or {})}, start_new_session=True)
    if port:
        def up():
            if p.poll() is not None:
                raise RuntimeError(f"{argv[0]} ended with {p.returncode}")
            return listening(port)()
        wait(f"{argv[0]} on port {port}", up)
    return p


def stop(p, sig=signal.SIGTERM, seconds=20):
    """Stops a server, when it had the time to write of its last answer: many do that after they gave it."""
    time.sleep(0.4)
    if p.poll() is None:
        p.send_signal(sig)
        try:
            p.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()


def run(argv, log=None, check=None, **kw):
    """Runs a program to its end, with both streams in log, and gives its exit code."""
    out = log.append() if log else subprocess.DEVNULL
    env = {**os.environ, **kw.pop("env", {})}
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, timeout=60, **kw)
    if check is not None and p.returncode != check:
        raise RuntimeError(f"{argv} ended with {p.returncode}, not {check}")
    return p.returncode


def get(port, path, method="GET", body=None, headers=None, timeout=20):
    """Asks, and gives the status; 0 where no answer came."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        c.request(method, path, body=body, headers={"User-Agent": "shop-client/1.0", **(headers or {})})
        r = c.getresponse()
        r.read()
        return r.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        c.close()


def expect(got, want, what):
    """The provoking went wrong: then there is nothing to compare with."""
    if got != want:
        raise AssertionError(f"{what}: {got}, not {want}")


def at_once(*calls):
    """Runs the calls at the same time."""
    gate = threading.Barrier(len(calls))
    failed = []

    def one(call):
        gate.wait()
        try:
            call()
        except Exception as e:  # noqa: BLE001
            failed.append(e)
    threads = [threading.Thread(target=one, args=(c,)) for c in calls]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise failed[0]


def version(argv, n=0):
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return p.stdout.strip().splitlines()[n]
