"""Takes DICOM files and says what is in them: modality, size of the image, its pixels."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from uuid import uuid4

import pydicom
from fastapi import BackgroundTasks, FastAPI, HTTPException, UploadFile
from fastapi.concurrency import run_in_threadpool

app = FastAPI(title="DICOM processing")
jobs: dict[str, dict[str, Any]] = {}


@app.get("/health")
async def health_check() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/process/{patient_name}/{study_date}", status_code=202)
async def process_case(
    patient_name: str,
    study_date: str,
    file: UploadFile,
    background_tasks: BackgroundTasks,
) -> dict[str, str]:
    job_id = str(uuid4())
    jobs[job_id] = {"state": "waiting", "patient_name": patient_name, "study_date": study_date}
    background_tasks.add_task(run, job_id, await file.read())
    return {"job_id": job_id}


@app.get("/jobs/{job_id}")
async def job(job_id: str) -> dict[str, Any]:
    if job_id not in jobs:
        raise HTTPException(404, "no such job")
    return jobs[job_id]


async def run(job_id: str, content: bytes) -> None:
    try:
        measured = await run_in_threadpool(measure, content)
        jobs[job_id] |= {"state": "done", **measured}
    except Exception as error:
        jobs[job_id] |= {"state": "failed", "reason": str(error)}


def measure(content: bytes) -> dict[str, Any]:
    dataset = pydicom.dcmread(BytesIO(content))
    pixels = dataset.pixel_array
    return {
        "modality": str(dataset.Modality),
        "rows": int(dataset.Rows),
        "columns": int(dataset.Columns),
        "pixels": {
            "min": int(pixels.min()),
            "max": int(pixels.max()),
            "mean": float(pixels.mean()),
        },
    }
