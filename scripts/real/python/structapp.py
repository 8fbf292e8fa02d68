"""JSON lines by structlog, and what it was that went wrong, told as it happens."""
import json
import sys

import structlog

structlog.configure(processors=[
    structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info, structlog.processors.JSONRenderer(),
])
log = structlog.get_logger(service="billing")
told = open(sys.argv[1], "w", encoding="utf-8")


def tell(**fields):
    told.write(json.dumps(fields) + "\n")


class ChargeError(Exception):
    pass


def charge(ref):
    try:
        return {}[ref]
    except KeyError as e:
        raise ChargeError(f"cannot charge {ref}") from e


for n in range(8):
    ref = f"order-{n:03d}"
    log.info("order charged", ref=ref, errors=0, error=None)
    tell(kind="harmless fields", problem=False, holds=[ref, "order charged"])
    if n % 2:
        try:
            charge(ref)
        except ChargeError:
            log.exception("charge failed", ref=ref)
            tell(kind="logged with its cause", problem=True, holds=[ref, "charge failed", "ChargeError: cannot charge"], message="charge failed",
                 frame="charge", text=f"cannot charge {ref}|'{ref}'", exception="ChargeError|KeyError")
    if n % 4 == 2:
        log.warning("charge is slow", ref=ref)
        tell(kind="warning", problem=False, severity="warning", holds=[ref, "charge is slow"])
    if n % 4 == 0:
        log.error("card refused", ref=ref, code=51)
        tell(kind="error without a trace", problem=True, holds=[ref, "card refused"], message="card refused")
