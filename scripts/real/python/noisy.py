"""A worker that fails on each of its orders, with a trace on standard error: line by line, so that several at once interleave.

The first argument is its name, the second how many orders, the third the file it tells what it did.
"""
import json
import os
import sys
import time
import traceback

name, orders = sys.argv[1], int(sys.argv[2])
told = open(sys.argv[3], "a", encoding="utf-8")


class ShippingError(Exception):
    pass


def address(ref):
    return {}["address of " + ref]


def ship(ref):
    try:
        address(ref)
    except KeyError as e:
        raise ShippingError(f"cannot ship {ref}") from e


def out(line):
    os.write(2, line.encode())
    time.sleep(0.002)  # gives the others a chance to come in between


for n in range(orders):
    ref = f"{name}-{n:03d}"
    out(f"{ref} begun, ErrorQueue has 0 errors\n")
    told.write(json.dumps({"kind": "harmless", "problem": False, "holds": [ref + " begun"]}) + "\n")
    try:
        ship(ref)
    except ShippingError as e:
        for line in "".join(traceback.format_exception(e)).splitlines():
            out(line + "\n")
        told.write(json.dumps({"kind": "trace among others", "problem": True, "frame": "address|ship", "exception": "KeyError|ShippingError", "holds": [
            "Traceback (most recent call last)", f"KeyError: 'address of {ref}'", "direct cause", f"ShippingError: cannot ship {ref}"]}) + "\n")
told.close()
