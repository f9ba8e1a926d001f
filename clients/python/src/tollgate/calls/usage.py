"""What was used: ``/usage``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from ..call import Call, Page, one, page_of, query
from ..models import Explanation, Timeseries, UsageLog, UsageSummary


def logs(
    *,
    user_id: str | UUID | None = None,
    resource_type: str | Sequence[str] | None = None,
    resource_id: str | None = None,
    api_key_id: str | None = None,
    meter: str | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    mine: bool | None = None,
    limit: int = 100,
) -> Call[Page[UsageLog]]:
    """A row for every charge, newest first; ``user_id`` takes ``usage.read``."""
    asked = query(
        user_id=user_id,
        resource_type=resource_type,
        resource_id=resource_id,
        api_key_id=api_key_id,
        meter=meter,
        created_after=created_after,
        created_before=created_before,
        mine=mine,
        limit=limit,
    )
    return Call("GET", "/usage/logs", page_of(UsageLog), query=asked)


def summary() -> Call[UsageSummary]:
    """The open period: meters, by resource type, today, the last seven days (units)."""
    return Call("GET", "/usage/summary", one(UsageSummary))


def timeseries(
    *,
    from_: datetime | None = None,
    to: datetime | None = None,
    interval: str | None = None,
    group_by: str | None = None,
    tz: str | None = None,
    meter: str | None = None,
    resource_type: str | None = None,
    user_id: str | UUID | None = None,
) -> Call[Timeseries]:
    """Lines over time. ``interval`` is hour, day or month; ``group_by`` resource_type, api_key, …

    Raises ``ValidationFailed`` (``too_many_points``).
    """
    asked = query(
        from_=from_,
        to=to,
        interval=interval,
        group_by=group_by,
        tz=tz,
        meter=meter,
        resource_type=resource_type,
        user_id=user_id,
    )
    return Call("GET", "/usage/timeseries", one(Timeseries), query=asked)


def explain(
    resource_type: str | None = None,
    *,
    meter: str | None = None,
    user_id: str | UUID | None = None,
) -> Call[Explanation]:
    """How the number came about that ``quota.check`` answers: its rules and its steps."""
    asked = query(resource_type=resource_type, meter=meter, user_id=user_id)
    return Call("GET", "/usage/explain", one(Explanation), query=asked)
