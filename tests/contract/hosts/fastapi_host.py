"""The host of the contract, guarded by the Python client: ``tollgate.fastapi``."""

from __future__ import annotations

import asyncio

from fastapi import BackgroundTasks, Depends, FastAPI, Response
from tollgate.fastapi import DeferredHold, Hold, Tollgate

gate = Tollgate()
app = FastAPI(lifespan=gate.lifespan)
gate.install(app)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/work", dependencies=[Depends(gate.consume_quota("dicom_processing", 1))])
async def work(response: Response, answer: int = 200, breaks: bool = False, slow_ms: int = 0) -> dict[str, int]:
    await asyncio.sleep(slow_ms / 1000)
    if breaks:
        raise RuntimeError("a bug of the application")
    response.status_code = answer
    return {"answer": answer}


@app.post("/batch")
async def batch(made: int, hold: Hold = Depends(gate.consume_quota("dicom_processing", 5))) -> dict[str, int]:
    hold.set_cost(made)
    return {"made": made}


@app.post("/later", status_code=202)
async def later(
    works: bool, jobs: BackgroundTasks, hold: Hold = Depends(gate.consume_quota("dicom_processing", 1))
) -> dict[str, str]:
    jobs.add_task(job, hold.defer(), works)
    return {"status": "accepted"}


async def job(hold: DeferredHold, works: bool) -> None:
    if works:
        await hold.commit()
    else:
        await hold.release()


@app.get("/reports", dependencies=[Depends(gate.require_subscription("pro"))])
async def reports() -> dict[str, list[str]]:
    return {"reports": []}


@app.get("/ops", dependencies=[Depends(gate.require_permission("admin"))])
async def ops() -> dict[str, str]:
    return {"status": "ok"}
