"""Django, Flask, FastAPI, gunicorn and structlog."""
import signal
import sys
import time

from provoke import Log, at_once, expect, get, run, start, stop, version, wait

PY = "/usr/bin/python3"
APP = "/srv/app"


def asks(port, log, kinds, rounds=3, together=True):
    """Asks for every kind in turn, then for all at once if together; kinds are path, status, and what is to be told for a ref."""
    n = 0

    def one(kind, ref):
        path, status, tell = kind
        expect(get(port, f"/{path}/{ref}"), status, path)
        tell(ref)
    for _ in range(rounds):
        for k in kinds:
            n += 1
            one(k, f"order-{n:03d}")
    calls = []
    for k in kinds * 2:
        n += 1
        calls.append(lambda k=k, ref=f"order-{n:03d}": one(k, ref))
    if together:
        at_once(*calls)
    else:
        for call in calls:
            call()


def django():
    log = Log("django.log", "Django " + version([PY, "-c", "import django; print(django.__version__)"]), timed=True)
    env = {"PYTHONUNBUFFERED": "1"}
    p = start([PY, "djangoapp.py", "runserver", "--noreload", "8001"], log, 8001, cwd=APP, env=env)

    def access(ref, path, status):
        fields = {"http": status}
        (log.problem if status >= 500 else log.harmless)("access line", f'"GET /{path}/{ref} HTTP/1.1" {status}', **fields)

    def failed(path, exception, frame, *holds):
        def tell(ref):
            log.problem(path, f"Internal Server Error: /{path}/{ref}", "Traceback (most recent call last)", f"in {path}\n",
                        *[h.replace("REF", ref.replace("-", "_")) for h in holds], exception=exception, frame=frame, logger="django.request",
                        message=f"Internal Server Error: /{path}/{ref}", severity="error")
            access(ref, path, 500)
        return path, 500, tell

    def ok(ref):
        log.harmless("ok", ref, "errors=0 error=None", logger="shop.views")
        access(ref, "ok", 200)

    def handled(ref):
        log.problem("handled", f"order {ref} is not there", "Traceback (most recent", "DoesNotExist: Order matching query does not exist.",
                    exception="DoesNotExist|__main__.Order.DoesNotExist|Order.DoesNotExist", frame="handled", logger="shop.views", severity="error")
        access(ref, "handled", 200)

    def nothing(ref):
        log.harmless("not found", f"Not Found: /nothing/{ref}", severity="warning", logger="django.request")
        access(ref, "nothing", 404)

    asks(8001, log, [
        ("ok", 200, ok), failed("crash", "ZeroDivisionError", "crash", "ZeroDivisionError: division by zero"),
        failed("double", "sqlite3.IntegrityError", "execute", "direct cause of the following exception", "django.db.utils.IntegrityError: UNIQUE constraint failed: shop_order.ref"),
        failed("missing", "DoesNotExist|__main__.Order.DoesNotExist|Order.DoesNotExist", "missing", "DoesNotExist: Order matching query does not exist."),
        failed("raw", "sqlite3.OperationalError", "execute", "direct cause of", "django.db.utils.OperationalError: no such table: nothing_REF"),
        ("handled", 200, handled), ("nothing", 404, nothing),
    ], rounds=2)
    expect(get(8001, "/ok/order-900", headers={"Host": "elsewhere.example"}), 400, "a foreign host")
    log.problem("foreign host", "Invalid HTTP_HOST header: 'elsewhere.example'", logger="django.security.DisallowedHost", severity="error")
    log.harmless("bad request", "Bad Request: /ok/order-900", severity="warning")
    access("order-900", "ok", 400)
    stop(p, signal.SIGINT)
    log.write()


def flask():
    log = Log("flask.log", "Flask " + version([PY, "-c", "import flask; print(flask.__version__)"]), timed=True)
    p = start([PY, "flaskapp.py"], log, 5001, cwd=APP)
    flask_asks(5001, log)
    stop(p, signal.SIGINT)
    log.write()


def flask_asks(port, log, access=True):
    # Werkzeug writes its access lines in pieces, so that lines of two requests at once are torn: nobody could tell them apart.
    def access_line(ref, path, status):
        if access:
            (log.problem if status >= 500 else log.harmless)("access line", f'"GET /{path}/{ref} HTTP/1.1"', f"{status} -", http=status)

    def crash(ref):
        log.problem("uncaught", f"ERROR in app: Exception on /crash/{ref} [GET]", "Traceback (most", "direct cause", f"StorageError: no price for {ref}",
                    exception="KeyError", frame="load", message=f"Exception on /crash/{ref} [GET]|in app: Exception on /crash/{ref} [GET]", severity="error", logger="app|shop|")
        access_line(ref, "crash", 500)

    def handled(ref):
        log.problem("handled", f"order {ref} is sent without a price", "Traceback (most", "direct cause", f"StorageError: no price for {ref}",
                    exception="KeyError", frame="load", severity="error")
        access_line(ref, "handled", 200)

    def context(ref):
        log.problem("while handling another", f"Exception on /context/{ref} [GET]", f"KeyError: '{ref}'", "During handling of the above",
                    f"ValueError: invalid literal for int() with base 10: '{ref}'", exception="KeyError|ValueError", severity="error")
        access_line(ref, "context", 500)

    def ok(ref):
        log.harmless("ok", f"{ref} checked, 0 errors, ErrorHandler ready")
        access_line(ref, "ok", 200)

    def warn(ref):
        log.harmless("warning", f"stock of {ref} is low", severity="warning")
        access_line(ref, "warn", 200)

    asks(port, log, [("ok", 200, ok), ("crash", 500, crash), ("handled", 200, handled), ("context", 500, context), ("warn", 200, warn),
                     ("abort", 503, lambda ref: access_line(ref, "abort", 503))], rounds=2, together=not access)


def gunicorn():
    log = Log("gunicorn.log", version(["gunicorn", "--version"]), timed=True)
    p = start(["gunicorn", "-w", "3", "-t", "2", "-b", "127.0.0.1:8002", "flaskapp:app"], log, 8002, cwd=APP)
    flask_asks(8002, log, access=False)
    expect(get(8002, "/sleep/order-901"), 0, "a worker that hangs")
    # The worker is told to abort, and says where it was; the main process says why.
    log.problem("worker time-out", "WORKER TIMEOUT (pid:", severity="fatal")
    time.sleep(2)
    expect(get(8002, "/ok/order-902"), 200, "afterwards")
    log.harmless("ok", "order-902 checked, 0 errors")
    stop(p)
    log.write()
    log = Log("gunicorn-broken.log", version(["gunicorn", "--version"]), timed=True)
    expect(run(["gunicorn", "-w", "1", "-b", "127.0.0.1:8003", "nothere:app"], log, cwd=APP), 3, "an app that is not there")
    log.problem("worker can't boot", "Exception in worker process", "Traceback (most recent", "ModuleNotFoundError: No module named 'nothere'",
                exception="ModuleNotFoundError", severity="error")
    log.write()


def fastapi():
    log = Log("fastapi.log", "FastAPI " + version([PY, "-Wignore", "-c", "import fastapi; print(fastapi.__version__)"]), timed=False)
    p = start([PY, "-m", "uvicorn", "fastapp:app", "--port", "8004"], log, 8004, cwd=APP)

    def access(ref, path, status):
        (log.problem if status >= 500 else log.harmless)("access line", f'"GET /{path}/{ref} HTTP/1.1" {status}', http=status)

    def crash(path):
        def tell(ref):
            log.problem("uncaught", "ERROR:    Exception in ASGI application", "Traceback (most", "in quote\n", f"fastapp.QuoteError: no quote for {ref}",
                        exception="fastapp.QuoteError", text=f"no quote for {ref}", frame="quote", message="Exception in ASGI application", severity="error")
            access(ref, path, 500)
        return path, 500, tell

    def group(ref):
        log.problem("exception group", "Exception in ASGI application", "Exception Group Traceback", f"ValueError: ValueError part of {ref}",
                    f"OSError: OSError part of {ref}", "+------------------------------------", exception="ValueError|OSError", frame="part", severity="error")
        access(ref, "group", 500)

    def sql(ref):
        log.problem("SQLAlchemy", "Exception in ASGI application", "sqlite3.OperationalError: no such table: orders", "direct cause", f"[parameters: ('{ref}',)]",
                    "Background on this error at", exception="sqlite3.OperationalError", text="no such table: orders", frame="execute", severity="error")
        access(ref, "sql", 500)

    def ok(ref):
        log.harmless("ok", f"{ref} checked, no errors found")
        access(ref, "ok", 200)

    def handled(ref):
        log.problem("handled", f"order {ref} goes on without a quote", "Traceback", f"fastapp.QuoteError: no quote for {ref}", exception="fastapp.QuoteError",
                    frame="quote", severity="error")
        access(ref, "handled", 200)

    asks(8004, log, [("ok", 200, ok), crash("crash"), crash("sync"), ("group", 500, group), ("sql", 500, sql), ("handled", 200, handled),
                     ("gone", 503, lambda ref: access(ref, "gone", 503))], rounds=1)
    stop(p)
    log.write()


def structlog():
    log = Log("structlog.log", "structlog " + version([PY, "-c", "from importlib.metadata import version as v; print(v('structlog'))"]), timed=True)
    expect(run([PY, "structapp.py", log.told], log, cwd=APP), 0, "structapp.py")
    log.write()


def interleaved():
    for how in ("threads", "processes"):
        log = Log(f"python-{how}.log", "Python " + version([PY, "--version"]).split()[1], timed=True)
        expect(run([PY, "lines.py", how, "3", log.told], log, cwd=APP), 0, how)
        log.write()


SOFTWARE = {"interleaved": interleaved, "django": django, "flask": flask, "gunicorn": gunicorn, "fastapi": fastapi, "structlog": structlog}
