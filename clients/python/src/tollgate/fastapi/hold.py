"""Units that are set aside for one request, and the ways in which they end."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..errors import (
    InternalError,
    RateLimited,
    ReservationSettled,
    TollgateError,
    Unavailable,
    UnexpectedAnswer,
    ValidationFailed,
    made_here,
)
from ..models import Quota, Reservation, Settled
from .problems import refusal

if TYPE_CHECKING:
    from .gate import Tollgate

log = logging.getLogger("tollgate")

#: An answer waits for its units to be settled at most so long, in seconds; then it leaves, and
#: settling goes on beside it.
ANSWER_WAITS = 2.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 15.0
#: Worth another try: nothing was decided.
_PASSING = (Unavailable, InternalError, RateLimited, UnexpectedAnswer)


class Hold:
    """The units of one request. Settled by its answer, unless it is deferred.

    ``cost`` is what the guard was made with, in calls; ``quota`` how the meter stood when the
    units were taken. ``reservation_id`` is ``None`` for a call that was let through uncharged
    (``on_unavailable="allow"``).
    """

    def __init__(self, gate: Tollgate, cost: int, reservation: Reservation | None) -> None:
        self.cost = cost
        self.quota: Quota | None = reservation.quota if reservation else None
        self.reservation_id = reservation.reservation_id if reservation else None
        self.deferred = False
        self._gate = gate
        self._charge: int | None = None
        self._ends = reservation.expires_at if reservation else None

    def set_cost(self, cost: int) -> None:
        """Charges ``cost`` calls instead, 1 to what was set aside; the others are given back.

        Raises ``ValidationFailed`` (422 for the client, nothing is charged) for more or less.
        """
        if not 1 <= cost <= self.cost:
            code = "above_reservation" if cost > self.cost else "invalid_cost"
            detail = f"1 - {self.cost}"
            errors = [{"field": "/cost", "code": code, "detail": detail}]
            raise refusal(made_here(ValidationFailed, errors=errors))
        self._charge = cost

    def defer(self) -> DeferredHold:
        """Takes settling over: the answer settles nothing any more, a background job does."""
        if self.deferred:
            raise RuntimeError("the hold is deferred already")
        self.deferred = True
        return DeferredHold(self)

    async def settle(self, *, charge: bool) -> None:
        """Charges or gives back; what cannot be done at once is done beside the answer."""
        task = self._gate.spawn(self._until_settled(charge=charge, cost=self._charge))
        done, _ = await asyncio.wait({task}, timeout=ANSWER_WAITS)
        if not done:
            log.warning("hold %s is not settled yet; it goes on", self.reservation_id)
            return
        error = task.exception()
        if error is not None:
            log.error("hold %s was not settled: %s", self.reservation_id, error)
        elif (settled := task.result()) is not None:
            self.quota = settled.quota

    async def _until_settled(self, *, charge: bool, cost: int | None) -> Settled | None:
        """Tries until it is decided, or the hold's time is over and the units are back."""
        if self.reservation_id is None or self._ends is None:
            return None
        pause = _FIRST_PAUSE
        quota = self._gate.client.quota
        while True:
            try:
                if charge:
                    return await quota.commit(self.reservation_id, cost=cost)
                return await quota.release(self.reservation_id)
            except _PASSING as error:
                if datetime.now(UTC) + timedelta(seconds=pause) >= self._ends:
                    raise
                log.warning("hold %s: again in %.2f s: %s", self.reservation_id, pause, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


class DeferredHold:
    """A hold that a background job settles: ``commit`` when it worked, ``release`` when not.

    As a context manager (``async with hold:``) it does so by itself. Dropped unsettled it is given
    back, with a warning; a crash is covered by the hold's end.
    """

    def __init__(self, hold: Hold) -> None:
        self._hold = hold
        self._settled = hold.reservation_id is None
        self._loop = asyncio.get_running_loop() if _running() else hold._gate.loop

    @property
    def reservation_id(self) -> str | None:
        """Its id at the service; ``None`` for a call that was let through uncharged."""
        return self._hold.reservation_id

    async def commit(self, cost: int | None = None) -> Settled | None:
        """Charges it, all or ``cost`` calls of it.

        ``None``: let through uncharged, or the service is away and charging goes on beside the
        job. Raises ``ReservationSettled`` when it ended otherwise, ``ValidationFailed``.
        """
        if cost is not None:
            self._hold.set_cost(cost)
        return await self._end(charge=True)

    async def release(self) -> Settled | None:
        """Gives it back. Raises ``ReservationSettled`` when it was charged."""
        return await self._end(charge=False)

    async def extend(self, ttl_seconds: int) -> None:
        """Moves its end to ``ttl_seconds`` from now, for work that takes longer.

        Raises ``ReservationSettled`` when it is over.
        """
        if self._hold.reservation_id is not None:
            quota = self._hold._gate.client.quota
            longer = await quota.extend(self._hold.reservation_id, ttl_seconds)
            self._hold._ends = longer.expires_at

    async def _end(self, *, charge: bool) -> Settled | None:
        self._settled = True
        hold = self._hold
        task = hold._gate.spawn(hold._until_settled(charge=charge, cost=hold._charge))
        # A task of its own: a job that is cancelled here has settled all the same.
        done, _ = await asyncio.wait({task}, timeout=ANSWER_WAITS)
        if not done:
            log.warning("hold %s is not settled yet; it goes on", hold.reservation_id)
            task.add_done_callback(_tell)
            return None
        return task.result()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._settled:
            return
        if kind is None:
            await self.commit()
        else:
            # What went wrong is told by the exception that is on its way.
            with suppress(ReservationSettled):
                await self.release()

    def __del__(self) -> None:
        if getattr(self, "_settled", True):
            return
        log.warning("hold %s was dropped unsettled: given back", self.reservation_id)
        hold, loop = self._hold, self._loop
        if loop is not None and not loop.is_closed():
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_give_back, hold)


def _give_back(hold: Hold) -> None:
    task = hold._gate.spawn(hold._until_settled(charge=False, cost=None))
    task.add_done_callback(_tell)


def _tell(task: asyncio.Task[Settled | None]) -> None:
    if not task.cancelled() and isinstance(error := task.exception(), TollgateError):
        log.error("a hold was not settled: %s", error)


def _running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
