"""A shop in Flask, with its mistakes."""
import logging
import time

from flask import Flask, abort

app = Flask("shop")
app.logger.setLevel(logging.INFO)


class StorageError(Exception):
    pass


def load(ref):
    return {"a": 1}[ref]


def price(ref):
    try:
        return load(ref)
    except KeyError as e:
        raise StorageError(f"no price for {ref}") from e


@app.route("/ok/<ref>")
def ok(ref):
    app.logger.info("%s checked, 0 errors, ErrorHandler ready", ref)
    return "ok"


@app.route("/crash/<ref>")
def crash(ref):
    return str(price(ref))


@app.route("/handled/<ref>")
def handled(ref):
    try:
        price(ref)
    except StorageError:
        app.logger.exception("order %s is sent without a price", ref)
    return "ok"


@app.route("/context/<ref>")
def context(ref):
    try:
        load(ref)
    except KeyError:
        return str(int(ref))  # a second failure while the first is handled


@app.route("/warn/<ref>")
def warn(ref):
    app.logger.warning("stock of %s is low", ref)
    return "ok"


@app.route("/abort/<ref>")
def aborted(ref):
    abort(503)


@app.route("/sleep/<ref>")
def sleep(ref):
    time.sleep(60)
    return "ok"


if __name__ == "__main__":
    app.run(port=5001, threaded=True)
