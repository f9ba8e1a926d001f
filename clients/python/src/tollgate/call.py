"""A call, described: what is sent, how its answer is read, and whether it may be sent again.

Nothing here touches the network. The builders in :mod:`tollgate.calls` make these values; both
clients send them, so that there is one description of the service and not two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import UUID

from .errors import UnexpectedAnswer
from .models import read

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One exchange with the service. ``credential`` replaces the client's own.

    ``public`` sends none.

    ``repeatable`` says that sending it twice does no more than sending it once, so that it may be
    sent again when an answer was lost.
    """

    method: str
    path: str
    understand: Callable[[Any], T]
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    credential: str | None = field(default=None, repr=False)
    public: bool = False
    repeatable: bool = True
    idempotency_key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: How long the service itself may take to answer, in seconds, beyond the client's limit.
    patience: float = 0.0


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, newest first."""

    data: tuple[T, ...]
    has_more: bool = False
    next_cursor: str | None = None
    total: int | None = None


def after(call: Call[Page[T]], cursor: str) -> Call[Page[T]]:
    """The call for what follows ``cursor``."""
    kept = tuple(pair for pair in call.query if pair[0] not in ("starting_after", "ending_before"))
    return dataclasses.replace(call, query=(*kept, ("starting_after", cursor)))


def one(kind: type[T]) -> Callable[[Any], T]:
    """The answer is an object of ``kind``."""
    return lambda answer: read(kind, answer)


def page_of(kind: type[T]) -> Callable[[Any], Page[T]]:
    """The answer is a page of ``kind``."""

    def understand(answer: Any) -> Page[T]:
        rows = answer.get("data") if isinstance(answer, Mapping) else None
        if not isinstance(rows, list):
            raise UnexpectedAnswer("a list should have data")
        return Page(
            data=tuple(read(kind, row) for row in rows),
            has_more=bool(answer.get("has_more")),
            next_cursor=answer.get("next_cursor"),
            total=answer.get("total"),
        )

    return understand


def nothing(_answer: Any) -> None:
    """The answer has no body, or none that matters."""


def fields(**members: Any) -> dict[str, Any]:
    """A body: what is ``None`` is left out, times and ids become text, money stays exact."""
    return {name: _plain(value) for name, value in members.items() if value is not None}


def query(**members: Any) -> tuple[tuple[str, str], ...]:
    """A query: what is ``None`` is left out, a list repeats its name."""
    pairs: list[tuple[str, str]] = []
    for name, value in members.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        for item in values:
            if item is not None:
                pairs.append((name.rstrip("_"), _word(item)))
    return tuple(pairs)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, (UUID, Decimal)):
        return str(value)
    return value


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _moment(value) if isinstance(value, datetime) else str(value)


def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("a time needs a zone: datetime.now(timezone.utc)")
    return value.isoformat()
