"""Express, pino, winston, Node itself, Go, Logback, Ruby and PHP."""
import os

import apps_python
from provoke import Log, expect, run, start, stop, version

APP = "/srv/app"
asks = apps_python.asks


def module(name):
    return version(["node", "-p", f"require('/srv/app/node_modules/{name}/package.json').version"])


def express():
    v = module("express")
    for name, form in (("express.log", "combined"), ("express-dev.log", "dev")):
        log = Log(name, f"Express {v}, morgan {form}", timed=False)
        p = start(["node", "express.js", form], log, 3000, cwd=APP)
        express_asks(log, form)
        stop(p)
        log.write()


def express_asks(log, form):
    def access(ref, path, status):
        holds = [f'"GET /{path}/{ref} HTTP/1.1" {status}'] if form == "combined" else [f"GET /{path}/{ref} ", str(status), " ms"]
        (log.problem if status >= 500 else log.harmless)("access line", *holds, http=status)

    def failed(path, exception, frame, text, *holds):
        def tell(ref):
            log.problem(path, text.replace("REF", ref), *[h.replace("REF", ref) for h in holds], exception=exception, text=text.replace("REF", ref).split(": ")[-1],
                        severity="error", frame=frame)
            access(ref, path, 500)
        return path, 500, tell

    def undefined(ref):
        log.problem("undefined", f"TypeError: Cannot read properties of undefined (reading '{ref}')", "at lookUp (/srv/app/express.js", exception="TypeError", frame="lookUp",
                    count=1)
        access(ref, "undefined", 500)

    def ok(ref):
        log.harmless("ok", f"{ref} checked: 0 errors, ErrorHandler ready")
        access(ref, "ok", 200)

    def cause(ref):
        log.problem("cause", f"PriceError: cannot price {ref}", "[cause]: TypeError: Cannot read", f"(reading '{ref}')", "\n}", exception="TypeError", frame="lookUp")
        access(ref, "cause", 200)

    def upstream(ref):
        log.problem("upstream", f"upstream for {ref} failed: Error: connect ECONNREFUSED 127.0.0.1:9", "code: 'ECONNREFUSED'", "port: 9\n}", exception="Error",
                    text="connect ECONNREFUSED 127.0.0.1:9", frame="afterConnect")
        access(ref, "upstream", 502)

    def lint(ref):
        log.harmless("look-alike", f"{ref}: no error, 0 failed")
        access(ref, "lint", 404)

    asks(3000, log, [("ok", 200, ok), failed("crash", "Error|PriceError", "crash", "Error: no price for REF", "/srv/app/express.js"),
                     ("undefined", 500, undefined), failed("next", "RangeError", "", "RangeError: REF is out of range", "Immediate"),
                     ("cause", 200, cause), ("upstream", 502, upstream), ("lint", 404, lint)], rounds=2)


def node():
    log = Log("node.log", "Node " + version(["node", "--version"]), timed=False)
    for n, how in enumerate(["throw", "reject", "plain", "aggregate", "emitter", "require", "throw", "reject"]):
        expect(run(["node", "ends.js", how, str(n), log.told], log, cwd=APP), 1, how)
    log.write()
    log = Log("node-heap.log", "Node " + version(["node", "--version"]), timed=False)
    expect(run(["node", "--max-old-space-size=24", "ends.js", "heap", "9", log.told], log, cwd=APP), -6, "heap")
    log.write()


def pino():
    log = Log("pino.log", "pino " + module("pino"), timed=True)
    expect(run(["node", "loggers.js", "pino", log.told], log, cwd=APP), 0, "pino")
    log.write()


def winston():
    for name in ("winston", "winston-text"):
        log = Log(name + ".log", "winston " + module("winston"), timed=True)
        expect(run(["node", "loggers.js", name, log.told], log, cwd=APP), 0, name)
        log.write()


def go():
    os.makedirs("/srv/bin", exist_ok=True)
    expect(run(["go", "build", "-o", "/srv/bin/shop", "."], cwd=APP + "/goshop", env={"CGO_ENABLED": "0"}), 0, "go build")
    about = version(["go", "version"])
    for name in ("go-slog-json", "go-slog-text", "go-log"):
        log = Log(name + ".log", about, timed=True)
        expect(run(["/srv/bin/shop", name, log.told], log, cwd=APP, env={"GOTRACEBACK": "single"}), 2, name)
        log.write()
    log = Log("go-ends.log", about, timed=False)
    for how in ("repanic", "custom", "nil", "deadlock", "map", "goroutine", "wrapped", "fatal"):
        code = run(["/srv/bin/shop", how, log.told], log, cwd=APP)
        expect(code, 1 if how == "fatal" else 2, how)
    log.write()
    log = Log("go-all.log", about + ", GOTRACEBACK=all", timed=False)
    for how in ("nil", "goroutine"):
        expect(run(["/srv/bin/shop", how, log.told], log, cwd=APP, env={"GOTRACEBACK": "all"}), 2, how)
    log.write()


def logback():
    jars = ":".join("/usr/share/java/" + j for j in ("slf4j-api.jar", "logback-classic.jar", "logback-core.jar"))
    os.makedirs("/srv/classes/", exist_ok=True)
    expect(run(["javac", "-cp", jars, "-d", "/srv/classes", *[os.path.join(APP, "shop", f) for f in os.listdir(APP + "/shop")]]), 0, "javac")
    v = "Logback " + os.path.realpath("/usr/share/java/logback-classic.jar").split("-")[-1][:-4]
    for name in ("logback", "logback-async", "logback-short"):
        log = Log(name + ".log", v, timed=name != "logback-short")
        expect(run(["java", "-Xmx32m", "-XX:+UseSerialGC", "-Dlogback.configurationFile=/srv/app/" + name + ".xml", "-cp", "/srv/classes:" + jars, "shop.Main", log.told, name],
                   log, cwd=APP), 1, name)
        log.write()


def ruby():
    log = Log("ruby.log", version(["ruby", "--version"]).split(" [")[0], timed=True)
    expect(run(["ruby", "shop.rb", log.told], log, cwd=APP), 1, "ruby")
    log.write()


def php():
    log = Log("php.log", version(["php", "--version"]).split(" (")[0], timed=True)
    for n, how in enumerate(["uncaught", "memory", "parse", "warning", "uncaught"]):
        code = run(["php", "-d", "log_errors=1", "-d", "display_errors=0", "-d", "memory_limit=4M", "-d", "error_log=" + log.path, "-d", "html_errors=0", "shop.php", how, str(n), log.told],
                   cwd=APP)
        expect(code, 0 if how == "warning" else 255, how)
    log.write()


SOFTWARE = {"express": express, "node": node, "pino": pino, "winston": winston, "go": go, "logback": logback, "ruby": ruby, "php": php}
