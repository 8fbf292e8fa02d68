"""Traces that go through a logger line by line, as programs do that turn their standard error into a log: every line has a header.

Arguments: "threads" or "processes", how many, and the file it tells what it did.
"""
import json
import logging
import os
import sys
import threading
import time
import traceback

how, many, told = sys.argv[1], int(sys.argv[2]), sys.argv[3]
form = "%(asctime)s [%(threadName)s] %(levelname)s %(name)s: %(message)s" if how == "threads" else "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format=form)
log = logging.getLogger("shop")
lock = threading.Lock()


def tell(**fields):
    with lock, open(told, "a", encoding="utf-8") as f:
        f.write(json.dumps(fields) + "\n")


class ShippingError(Exception):
    pass


def address(ref):
    return {}["address of " + ref]


def ship(ref):
    try:
        address(ref)
    except KeyError as e:
        raise ShippingError(f"cannot ship {ref}") from e


def work(name):
    who = {"thread": name} if how == "threads" else {"pid": str(os.getpid())}
    for n in range(3):
        ref = f"{name}-{n:03d}"
        log.info("%s begun, ErrorQueue has 0 errors", ref)
        tell(kind="harmless", problem=False, holds=[ref + " begun"], **who)
        try:
            ship(ref)
        except ShippingError as e:
            for line in "".join(traceback.format_exception(e)).splitlines():
                log.error(line)
                time.sleep(0.001)  # gives the others a chance to come in between
            tell(kind="trace among others", problem=True, severity="error", exception="KeyError", frame="address", holds=[
                "Traceback (most recent call last)", f"KeyError: 'address of {ref}'", "direct cause", f"ShippingError: cannot ship {ref}"], **who)
        log.info("%s done", ref)
        tell(kind="harmless", problem=False, holds=[ref + " done"], **who)


if how == "threads":
    threads = [threading.Thread(target=work, args=(f"worker-{n}",), name=f"worker-{n}") for n in range(many)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
else:
    children = []
    for n in range(many):
        pid = os.fork()
        if pid == 0:
            work(f"child-{n}")
            logging.shutdown()
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
