"""The application before and after it sells what it does, with real DICOM files."""

from __future__ import annotations

import difflib
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydicom.data import get_testdata_file
from town import PATIENCE, Person, Town

HERE = Path(__file__).parent
WHERE = "/process/wang/2026-01-02"
#: Of pydicom's own files: modality, rows, columns, smallest and greatest pixel.
FILES = {
    "CT_small.dcm": ("CT", 128, 128, 128, 2191),
    "MR_small.dcm": ("MR", 64, 64, 127, 2145),
}


def content(name: str) -> bytes:
    path = get_testdata_file(name, download=False)
    assert path is not None, f"{name} is not in the wheel of pydicom"
    return Path(str(path)).read_bytes()


def process(http: httpx2.Client, file: bytes, credential: str = "") -> httpx2.Response:
    headers = {"authorization": f"Bearer {credential}"} if credential else {}
    return http.post(WHERE, files={"file": ("case.dcm", file)}, headers=headers)


def result(http: httpx2.Client, accepted: httpx2.Response) -> dict[str, Any]:
    """What came of a job, when it is over."""
    assert accepted.status_code == 202, accepted.text
    begun = time.monotonic()
    while True:
        job: dict[str, Any] = http.get(f"/jobs/{accepted.json()['job_id']}").json()
        if job["state"] != "waiting":
            return job
        assert time.monotonic() - begun < PATIENCE, job
        time.sleep(0.01)


def is_measured(job: dict[str, Any], name: str) -> None:
    modality, rows, columns, smallest, greatest = FILES[name]
    assert job["state"] == "done", job
    assert (job["patient_name"], job["study_date"]) == ("wang", "2026-01-02")
    assert (job["modality"], job["rows"], job["columns"]) == (modality, rows, columns)
    assert (job["pixels"]["min"], job["pixels"]["max"]) == (smallest, greatest)
    assert smallest < job["pixels"]["mean"] < greatest


def test_what_selling_takes_is_under_fifteen_lines() -> None:
    texts = [(HERE / folder / "app.py").read_text().splitlines() for folder in ("before", "after")]
    changed = [
        line
        for line in difflib.unified_diff(*texts, n=0)
        if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert 0 < len(changed) < 15, "\n".join(changed)


@pytest.mark.parametrize("name", FILES)
def test_before_anybody_may(before: httpx2.Client, name: str) -> None:
    is_measured(result(before, process(before, content(name))), name)


def test_a_purchase_and_what_it_is_good_for(after: httpx2.Client, town: Town) -> None:
    person = town.register()
    refused = process(after, content("CT_small.dcm"), person.token)
    assert (refused.status_code, refused.json()["code"]) == (402, "subscription_required")
    town.buy_pro(person)
    for used, name in enumerate(FILES, start=1):
        accepted = process(after, content(name), person.token)
        is_measured(result(after, accepted), name)
        person.until(used, 0)
        assert accepted.headers["x-quota-limit"] == "1000"


def broken() -> dict[str, bytes]:
    whole = content("CT_small.dcm")
    return {
        "no DICOM": b"not a DICOM file",
        "nothing": b"",
        "cut off": whole[: len(whole) // 2],
        "without pixels": content("rtplan.dcm"),
    }


@pytest.mark.parametrize("what", ["no DICOM", "nothing", "cut off", "without pixels"])
def test_a_file_that_cannot_be_read_costs_nothing(
    after: httpx2.Client, town: Town, what: str
) -> None:
    person = town.buyer(5)
    job = result(after, process(after, broken()[what], person.key))
    assert job["state"] == "failed"
    assert job["reason"]
    person.until(0, 0)
    # Also a request without a file.
    answer = after.post(WHERE, headers={"authorization": f"Bearer {person.key}"})
    assert answer.status_code == 422
    person.until(0, 0)


def test_health_stays_public(after: httpx2.Client, before: httpx2.Client) -> None:
    for http in (after, before):
        assert http.get("/health").json() == {"status": "ok"}
    assert process(after, content("CT_small.dcm")).status_code == 401


def test_to_the_last_unit(after: httpx2.Client, town: Town) -> None:
    person: Person = town.register()
    town.ask("POST", "/payments/subscriptions/subscribe", {"plan_slug": "free"}, person.token)
    small = content("MR_small.dcm")
    for used in range(1, 11):
        assert result(after, process(after, small, person.key))["state"] == "done"
        person.until(used, 0)
    refused = process(after, small, person.key)
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (429, "quota_exceeded")
    assert refused.headers["content-type"] == "application/problem+json"
    assert problem["quota"]["remaining"] == 0
    assert problem["upgrade_url"] == f"{town.url}/payments/plans"
    assert int(refused.headers["retry-after"]) > 0
    assert person.meter() == (10, 0)


def test_the_document_asks_for_nothing_more(after: httpx2.Client) -> None:
    operation = after.get("/openapi.json").json()["paths"]["/process/{patient_name}/{study_date}"][
        "post"
    ]
    assert [parameter["name"] for parameter in operation["parameters"]] == [
        "patient_name",
        "study_date",
    ]
    assert list(operation["requestBody"]["content"]) == ["multipart/form-data"]
    assert operation["security"]
