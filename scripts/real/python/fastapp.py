"""A shop in FastAPI, with its mistakes."""
import asyncio
import logging

from fastapi import FastAPI, HTTPException
from sqlalchemy import create_engine, text

app = FastAPI()
log = logging.getLogger("uvicorn.error")
engine = create_engine("sqlite://")


class QuoteError(Exception):
    pass


def quote(ref):
    raise QuoteError(f"no quote for {ref}")


async def part(ref, kind):
    await asyncio.sleep(0.01)
    raise kind(f"{kind.__name__} part of {ref}")


@app.get("/ok/{ref}")
async def ok(ref: str):
    log.info("%s checked, no errors found", ref)
    return {}


@app.get("/crash/{ref}")
async def crash(ref: str):
    quote(ref)


@app.get("/sync/{ref}")
def sync(ref: str):
    quote(ref)


@app.get("/group/{ref}")
async def group(ref: str):
    async with asyncio.TaskGroup() as g:
        g.create_task(part(ref, ValueError))
        g.create_task(part(ref, OSError))


@app.get("/sql/{ref}")
def sql(ref: str):
    with engine.connect() as c:
        c.execute(text("select * from orders where ref = :ref"), {"ref": ref})


@app.get("/gone/{ref}")
async def gone(ref: str):
    raise HTTPException(503)


@app.get("/handled/{ref}")
async def handled(ref: str):
    try:
        quote(ref)
    except QuoteError:
        log.exception("order %s goes on without a quote", ref)
    return {}
