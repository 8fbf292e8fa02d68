"""nginx, Apache, HAProxy, PostgreSQL, MariaDB and Redis."""
import glob
import os
import shutil
import socket
import subprocess
import time

from provoke import Log, at_once, expect, get, run, start, stop, version, wait

ETC = "/srv/etc"


def conf(name, text):
    os.makedirs(ETC, exist_ok=True)
    path = os.path.join(ETC, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def tarpit(port):
    """Takes connections and never answers."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(50)
    return s


NGINX = """
daemon off; pid /srv/run/nginx.pid; error_log {out}/nginx-error.log info; worker_processes 2; user www-data;
events {{ worker_connections 100; }}
http {{
  access_log {out}/nginx-access.log combined;
  client_body_temp_path /srv/run/body; proxy_temp_path /srv/run/proxy; fastcgi_temp_path /srv/run/f; uwsgi_temp_path /srv/run/u; scgi_temp_path /srv/run/s;
  server {{
    listen 127.0.0.1:8080; server_name shop.example; root /srv/www; client_max_body_size 1k; proxy_read_timeout 1s;
    location /refused/ {{ proxy_pass http://127.0.0.1:9; }}
    location /slow/ {{ proxy_pass http://127.0.0.1:8081; }}
    location /denied/ {{ deny all; }}
  }}
}}
"""


def nginx():
    v = version(["nginx", "-v"]).replace("nginx version: ", "")
    err, acc = Log("nginx-error.log", v, timed=True), Log("nginx-access.log", v, timed=True)
    os.makedirs("/srv/www", exist_ok=True)
    for ref in ("error-codes.html", "errors-1.txt"):
        with open("/srv/www/" + ref, "w") as f:
            f.write("0 errors")
    pit = tarpit(8081)
    p = start(["nginx", "-c", conf("nginx.conf", NGINX.format(out=os.path.dirname(err.path)))], port=8080)

    def one(path, status, kind=None, *holds, **kw):
        expect(get(8080, path, **kw), status, path)
        (acc.problem if status >= 500 else acc.harmless)("access line", f'{path} HTTP/1.1" {status}', http=status)
        if kind:
            err.problem(kind, *holds, f'request: "{kw.get("method", "GET")} {path} HTTP/1.1"', severity="error")
    for n in range(4):
        one(f"/error-codes.html?order-{n}", 200)
        one(f"/missing/order-{n}", 404, "missing file", "No such file or directory")
        one(f"/refused/order-{n}", 502, "upstream refused", "connect() failed (111: Connection refused) while connecting to upstream")
    one("/denied/order-7", 403, "denied", "access forbidden by rule")
    one("/errors-1.txt", 200)
    one("/upload/order-8", 413, "too large", "client intended to send too large body", method="POST", body=b"x" * 5000)
    at_once(*[lambda n=n: one(f"/slow/order-{n}", 504, "upstream timed out", "upstream timed out (110: Connection timed out)") for n in range(3)],
            *[lambda n=n: one(f"/refused/order-{n}", 502, "upstream refused", "connect() failed (111") for n in range(10, 14)])
    stop(p)
    pit.close()
    err.write()
    acc.write()
    log = Log("nginx-broken.log", v, timed=True)
    expect(run(["nginx", "-c", conf("broken.conf", "pid /srv/run/b.pid; error_log stderr; events {} http { server { listen 8089; nonsense on; } }")], log), 1, "a broken config")
    log.problem("broken configuration", 'unknown directive "nonsense" in /srv/etc/broken.conf:1', severity="fatal")
    log.write()


APACHE = """
ServerRoot /srv/run
PidFile /srv/run/apache.pid
Listen 127.0.0.1:8085
ServerName shop.example
User www-data
Group www-data
DefaultRuntimeDir /srv/run
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule cgid_module /usr/lib/apache2/modules/mod_cgid.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
ScriptSock /srv/run/cgid
DocumentRoot /srv/www
ErrorLog {out}/apache-error.log
LogLevel warn
LogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{{Referer}}i\\" \\"%{{User-Agent}}i\\"" combined
CustomLog {out}/apache-access.log combined
<Directory /srv/www>
  Require all granted
</Directory>
<Directory /srv/cgi>
  Require all granted
</Directory>
ScriptAlias /cgi/ /srv/cgi/
ProxyPass /refused/ http://127.0.0.1:9/
<Location /denied/>
  Require all denied
</Location>
"""


def apache():
    v = version(["apache2", "-v"]).replace("Server version: ", "")
    err, acc = Log("apache-error.log", v, timed=True), Log("apache-access.log", v, timed=True)
    os.makedirs("/srv/cgi", exist_ok=True)
    os.makedirs("/srv/www", exist_ok=True)
    with open("/srv/www/index.html", "w") as f:
        f.write("0 errors")
    with open("/srv/cgi/crash", "w") as f:
        f.write("#!/usr/bin/python3\nimport os\nraise ValueError('no price for ' + os.environ['QUERY_STRING'])\n")
    os.chmod("/srv/cgi/crash", 0o755)
    p = start(["apache2", "-DFOREGROUND", "-f", conf("apache.conf", APACHE.format(out=os.path.dirname(err.path)))], port=8085)

    def one(path, status):
        expect(get(8085, path), status, path)
        (acc.problem if status >= 500 else acc.harmless)("access line", f'"GET {path} HTTP/1.1" {status}', http=status)
    for n in range(3):
        one(f"/index.html?no-errors-{n}", 200)
        one(f"/missing/order-{n}", 404)
        one(f"/cgi/crash?order-{n}", 500)
        err.problem("traceback of a script", f"ValueError: no price for order-{n}", "Traceback (most recent call last)", exception="ValueError", severity="error", untimed=True)
    err.either("script without an answer", "End of script output before headers: crash", severity="error", count=3)
    for n in range(3):
        one(f"/denied/order-{n}", 403)
    err.problem("denied", "AH01630: client denied by server configuration: /srv/www/denied", severity="error", count=3)
    one("/refused/order-8", 503)
    err.problem("upstream refused", "(111)Connection refused: AH00957:", severity="error")
    err.problem("upstream refused", "AH01114: HTTP: failed to make connection to backend", severity="error")
    stop(p)
    err.write()
    acc.write()


HAPROXY = """
global
  log stdout format {form} local0
  stats socket /srv/run/haproxy.sock mode 600 level admin
defaults
  mode http
  log global
  option httplog
  timeout connect 500ms
  timeout client 3s
  timeout server 500ms
  retries 0
frontend shop
  bind 127.0.0.1:8090
  use_backend dead if {{ path_beg /dead/ }}
  use_backend slow if {{ path_beg /slow/ }}
  http-request return status 200 content-type text/plain string ok if {{ path_beg /ok/ }}
  default_backend none
backend dead
  server d1 127.0.0.1:9
backend slow
  server s1 127.0.0.1:8091
backend none
  server n1 127.0.0.1:9 check inter 200ms fall 2
"""


def haproxy():
    for name, form in (("haproxy", "iso"), ("haproxy-raw", "raw")):
        log = Log(name + ".log", version(["haproxy", "-v"]).split(" 20")[0], timed=form == "iso")
        pit = tarpit(8091)
        p = start(["haproxy", "-f", conf(name + ".cfg", HAPROXY.format(form=form))], log, 8090)
        wait("a dead server", lambda: log.has("has no server available"))
        # On standard error with a level, on standard output without one.
        log.harmless("server down", "[WARNING]", "Server none/n1 is DOWN", severity="warning", untimed=True)
        log.either("server down, without a level", "Server none/n1 is DOWN", count=2)
        log.problem("backend down", "[ALERT]", "backend 'none' has no server available!", untimed=True)
        log.problem("backend down, without a level", "backend none has no server available!")
        for n in range(4):
            for path, status in (("ok", 200), ("dead", 503), ("none", 503)):
                expect(get(8090, f"/{path}/order-{n}-errors"), status, path)
                (log.problem if status >= 500 else log.harmless)("request", f"GET /{path}/order-{n}-errors HTTP/1.1", http=status)
        expect(get(8090, "/slow/order-9"), 504, "slow")
        log.problem("request", "GET /slow/order-9 HTTP/1.1", http=504)
        stop(p)
        pit.close()
        log.write()


def postgres():
    bin_ = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
    v = version([bin_ + "/postgres", "--version"])
    data = "/srv/pg"
    os.makedirs(data, exist_ok=True)
    shutil.chown(data, "postgres", "postgres")
    as_pg = {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": "/"}
    expect(run([bin_ + "/initdb", "-D", data, "-A", "trust", "-N", "--locale=C.UTF-8"], **as_pg), 0, "initdb")
    log = Log("postgresql.log", v, timed=True)
    twins = [Log("postgresql.json.log", v, timed=True), Log("postgresql.csv.log", v, timed=True)]
    with open(data + "/postgresql.conf", "a") as f:
        f.write("listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nlogging_collector = on\nlog_destination = 'stderr,jsonlog,csvlog'\nlog_filename = 'shop.log'\n"
                "log_line_prefix = '%m [%p] %q%u@%d '\nlog_timezone = 'UTC'\ndeadlock_timeout = '200ms'\nfsync = off\nlog_min_messages = info\n")
    p = start([bin_ + "/postgres", "-D", data], port=5432, user="postgres", cwd="/")
    env = {"PGUSER": "postgres", "PGHOST": "127.0.0.1", "PGDATABASE": "postgres", "PGCONNECT_TIMEOUT": "10"}

    def sql(text, check=None, **kw):
        args = [bin_ + "/psql", "-qX", "-v", "ON_ERROR_STOP=1"]
        for t in text if isinstance(text, list) else [text]:
            args += ["-c", t]
        return run(args, check=check, env={**env, **kw})

    def problem(kind, *holds, severity="error"):
        log.problem(kind, *holds, severity=severity)
        for t in twins:
            t.problem(kind, *[h.split(":  ", 1)[-1].replace('"', q) for h in holds for q in ['\\"' if "json" in t.name else '""']], severity=severity)

    def harmless(kind, *holds, **kw):
        for one in (log, *twins):
            one.harmless(kind, *holds, **kw)

    wait("PostgreSQL", lambda: "database system is ready to accept connections" in open(data + "/log/shop.log").read())
    sql(["create table orders (id int primary key, ref text not null, total int check (total > 0))", "insert into orders values (1, 'a', 5), (2, 'b', 6)",
         "create function settle(n int) returns int language plpgsql as $$ begin return 10 / n; end $$",
         "create function refuse(n int) returns int language plpgsql as $$ begin raise exception 'order % is refused', n using detail = 'It has no customer.', hint = 'Add one.'; end $$",
         "create function warn(n int) returns int language plpgsql as $$ begin raise warning 'order % is late, 0 errors', n; return n; end $$"], check=0)

    def unique(n):
        s = f"insert into orders values (1, 'twice-{n}', 1)"
        expect(sql(s), 1, s)
        problem("unique", 'ERROR:  duplicate key value violates unique constraint "orders_pkey"', "DETAIL:  Key (id)=(1) already exists.", f"STATEMENT:  {s}")

    def syntax(n):
        s = f"selec {n} from orders"
        expect(sql(s), 1, s)
        problem("syntax", 'ERROR:  syntax error at or near "selec"', f"STATEMENT:  {s}")

    def column(n):
        s = f"select {n}, reff from orders"
        expect(sql(s), 1, s)
        problem("hint", 'ERROR:  column "reff" does not exist', 'HINT:  Perhaps you meant to reference the column "orders.ref".', f"STATEMENT:  {s}")

    def lines(n):
        s = f"select\n  {n} /\n  0 as \"0 errors\"\nfrom orders"
        expect(sql(s), 1, s)
        log.problem("statement of several lines", "ERROR:  division by zero", f"STATEMENT:  select\n\t  {n} /\n\t  0 as", "\tfrom orders", severity="error")
        twins[0].problem("statement of several lines", "division by zero", f"{n} /\\n", "from orders", severity="error")
        twins[1].problem("statement of several lines", "division by zero", f"  {n} /\n  0 as", "\nfrom orders", severity="error")

    def context(n):
        s = f"select settle(0) + {n}"
        expect(sql(s), 1, s)
        problem("context", "ERROR:  division by zero", "CONTEXT:  PL/pgSQL function settle(integer) line 1 at RETURN", f"STATEMENT:  {s}")

    def refuse(n):
        s = f"select refuse({n})"
        expect(sql(s), 1, s)
        problem("raised", f"ERROR:  order {n} is refused", "DETAIL:  It has no customer.", "HINT:  Add one.", "CONTEXT:  PL/pgSQL function refuse(integer) line 1 at RAISE", f"STATEMENT:  {s}")

    def check(n):
        s = f"insert into orders values ({n}, 'c', 0)"
        expect(sql(s), 1, s)
        problem("check", 'ERROR:  new row for relation "orders" violates check constraint "orders_total_check"', f"DETAIL:  Failing row contains ({n}, c, 0).", f"STATEMENT:  {s}")

    def warn(n):
        s = f"select warn({n})"
        expect(sql(s), 0, s)
        harmless("warning", f"order {n} is late, 0 errors", severity="warning")

    def slow(n):
        s = f"select pg_sleep(30), {n}"
        expect(sql(s, PGOPTIONS="-c statement_timeout=150"), 1, s)
        problem("time-out", "ERROR:  canceling statement due to statement timeout", f"STATEMENT:  {s}")

    every = [unique, syntax, column, lines, context, refuse, check, warn, slow]
    for k, one in enumerate(every):
        one(10 + k)
    at_once(*[lambda one=one, n=n: one(n) for n, one in enumerate(every * 2, start=100)])
    # two transactions that wait for each other
    codes = []
    at_once(*[lambda a=a, b=b: codes.append(sql(["begin", f"update orders set total = 7 where id = {a}", "select pg_sleep(0.6)", f"update orders set total = 8 where id = {b}", "commit"]))
              for a, b in ((1, 2), (2, 1))])
    expect(sorted(codes), [0, 1], "one of two deadlocked transactions")
    problem("deadlock", "ERROR:  deadlock detected", "waits for ShareLock on transaction", "HINT:  See server log for query details.", "CONTEXT:  while updating tuple",
            "STATEMENT:  update orders set total = 8 where id =")
    expect(sql("select 1", PGDATABASE="nothere"), 2, "no such database")
    problem("no such database", 'FATAL:  database "nothere" does not exist', severity="fatal")
    expect(sql("select 1", PGUSER="nobody-here"), 2, "no such role")
    problem("no such role", 'FATAL:  role "nobody-here" does not exist', severity="fatal")
    # a process of the server is killed; it starts anew
    hung = start([bin_ + "/psql", "-qX", "-c", "select pg_sleep(60), 'killed'"], env=env)
    pid = ""
    while not pid:
        time.sleep(0.1)
        pid = subprocess.run([bin_ + "/psql", "-qXAt", "-c", "select pid from pg_stat_activity where query like '%killed%' and pid <> pg_backend_pid()"], env={**os.environ, **env},
                             stdout=subprocess.PIPE, text=True).stdout.strip()
    os.kill(int(pid), 9)
    hung.wait(20)
    wait("a restart", lambda: open(data + "/log/shop.log").read().count("database system is ready to accept connections") > 1)
    problem("killed", "was terminated by signal 9: Killed", "select pg_sleep(60), 'killed'")
    harmless("recovery", "redo done at")
    stop(p, 2)
    for name, one in (("shop.log", log), ("shop.json", twins[0]), ("shop.csv", twins[1])):
        shutil.copyfile(data + "/log/" + name, one.path)
        one.write()


def redis():
    v = version(["redis-server", "--version"]).split(" sha=")[0]
    log = Log("redis.log", v, timed=True)
    os.makedirs("/srv/redis", exist_ok=True)
    p = start(["redis-server", "--port", "6379", "--bind", "127.0.0.1", "--dir", "/srv/redis", "--save", "", "--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"], log, 6379, cwd="/srv/redis")

    def ask(*words, port=6379):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
            s.sendall(f"*{len(words)}\r\n".encode() + b"".join(f"${len(w)}\r\n{w}\r\n".encode() for w in words))
            try:
                return s.recv(1000).decode()
            except OSError:
                return ""
    with open("/proc/sys/vm/overcommit_memory") as f:
        if f.read().strip() == "0":
            log.harmless("a warning by its word", "WARNING Memory overcommit must be enabled!", severity="warning")
    expect(ask("SET", "errors", "0"), "+OK\r\n", "SET")
    expect(ask("DEBUG", "LOG", "order-1 has 0 errors"), "+OK\r\n", "a harmless line")
    log.harmless("harmless, at Redis' warning level", "order-1 has 0 errors")
    os.rmdir("/srv/redis")
    expect(ask("BGSAVE")[:1], "+", "BGSAVE")
    log.problem("directory is gone", "Failed opening the temp RDB file temp-")
    wait("the save", lambda: log.has("Background saving error"))
    log.problem("background save", "Background saving error")
    expect(ask("REPLICAOF", "127.0.0.1", "9")[:1], "+", "REPLICAOF")
    wait("the replica", lambda: log.has("Connection refused"))
    expect(ask("REPLICAOF", "NO", "ONE")[:1], "+", "REPLICAOF NO ONE")
    # It tries once a second; how often it did, it alone knows.
    log.problem("no primary", "Error condition on socket for SYNC: Connection refused", count=open(log.path).read().count("for SYNC: Connection refused"))
    with socket.create_connection(("127.0.0.1", 6379)) as s:
        s.sendall(b"POST / HTTP/1.1\r\nHost: shop\r\n\r\n")
        s.recv(10)
    wait("the attack", lambda: log.has("Possible SECURITY ATTACK"))
    log.problem("cross-protocol request", "Possible SECURITY ATTACK detected")
    ask("DEBUG", "SEGFAULT")
    p.wait(30)
    log.problem("crash", "crashed by signal: 11")
    log.write()


def mariadb():
    v = version(["mariadbd", "--version"]).replace("mariadbd  Ver ", "MariaDB ").split(" for ")[0]
    data = "/srv/mysql"
    os.makedirs(data, exist_ok=True)
    shutil.chown(data, "mysql", "mysql")
    expect(run(["mariadb-install-db", "--no-defaults", "--user=mysql", "--datadir=" + data, "--auth-root-authentication-method=normal", "--skip-test-db"]), 0, "mariadb-install-db")
    log = Log("mariadb.log", v, timed=True)
    sock = "/srv/run/mysql.sock"
    os.chmod("/srv/run", 0o777)
    p = start(["mariadbd", "--no-defaults", "--user=mysql", "--datadir=" + data, "--socket=" + sock, "--bind-address=127.0.0.1", "--port=3306", "--log-warnings=4", "--event-scheduler=ON",
               "--innodb-print-all-deadlocks=ON", "--innodb-buffer-pool-size=16M", "--pid-file=/srv/run/mysql.pid"], log, 3306, cwd="/")

    def sql(text, *args):
        return run(["mariadb", "--no-defaults", "-S", sock, "-u", "root", *args, "-e", text])
    expect(sql("create database shop; use shop; create table orders (id int primary key, total int) engine=innodb; insert into orders values (1, 1), (2, 2);"
               "create event twice on schedule every 1 hour do insert into shop.orders values (1, 1)"), 0, "setting up")
    wait("the event", lambda: log.has("Duplicate entry"))
    log.problem("event", "[ERROR] Event Scheduler: [root@localhost][shop.twice] Duplicate entry '1' for key 'PRIMARY'", severity="error")
    for n in range(3):
        expect(run(["mariadb", "--no-defaults", "-h", "127.0.0.1", "-u", f"shop{n}", "-pwrong"]), 1, "a wrong password")
        log.harmless("access denied", f"Access denied for user 'shop{n}'@", severity="warning")
    codes = []
    at_once(*[lambda a=a, b=b: codes.append(sql(f"use shop; begin; update orders set total = 7 where id = {a}; select sleep(0.6); update orders set total = 8 where id = {b}; commit"))
              for a, b in ((1, 2), (2, 1))])
    expect(sorted(codes), [0, 1], "one of two deadlocked transactions")
    log.problem("deadlock", "[ERROR] InnoDB: Transaction was aborted due to Deadlock")
    log.either("deadlock announced", "Transactions deadlock detected, dumping detailed information")
    for n in (1, 2):
        log.either("deadlock's transactions", f"*** ({n}) TRANSACTION:", "update orders set total = 8 where id = ", "MariaDB thread id")
    stop(p)
    log.harmless("end", "mariadbd: Shutdown complete")
    log.write()
    log = Log("mariadb-broken.log", v, timed=True)
    expect(run(["mariadbd", "--no-defaults", "--user=mysql", "--datadir=" + data, "--socket=" + sock, "--bind-address=127.0.0.1", "--port=3306", "--nonsense=1"], log), 7, "an unknown option")
    log.problem("unknown option", "[ERROR] mariadbd: unknown variable 'nonsense=1'", severity="error")
    log.problem("gives up", "[ERROR] Aborting", severity="error")
    log.write()


SOFTWARE = {"nginx": nginx, "apache": apache, "haproxy": haproxy, "postgres": postgres, "redis": redis, "mariadb": mariadb}
