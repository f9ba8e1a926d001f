"""The design's own entry points: ``AuthService`` and ``PaymentService``.

::

    auth_service = AuthService(database_url="postgresql://…")
    payment_service = PaymentService(database_url="postgresql://…")
    app.include_router(auth_service.router, prefix="/auth", tags=["auth"])
    app.include_router(payment_service.router, prefix="/payments", tags=["payments"])

Both are the same service, so the same ``database_url`` starts one program. The routers forward to
it; where the application starts, they put the guards' middleware around it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI

from .fastapi import Tollgate, use_gate
from .forward import Forwarder
from .program import running

__all__ = ["AuthService", "PaymentService"]


class _Service:
    """What both have in common: a service, running or to be started, and a gate to it."""

    def __init__(
        self,
        database_url: str | None = None,
        *,
        base_url: str | None = None,
        service_key: str | None = None,
        public_url: str | None = None,
        **gate: Any,
    ) -> None:
        told = base_url or (None if database_url else os.environ.get("TOLLGATE_URL"))
        database = database_url or os.environ.get("DATABASE_URL")
        if told is None and database is None:
            raise ValueError(
                "pass database_url to start the service, or base_url (TOLLGATE_URL) to use one"
            )
        self._told, self._database, self._public_url = told, database, public_url
        #: The guards that go with it; the design's functions use the last one made.
        self.gate = _LateGate(self, service_key, gate)
        use_gate(self.gate)

    @property
    def base_url(self) -> str:
        """Where the service is; starts the program if there is none yet, and waits for it."""
        if self._told is not None:
            return self._told
        return running(str(self._database), public_url=self._public_url).url

    def install(self, app: FastAPI) -> None:
        """The guards' middleware and problem+json, for an application without lifespan events."""
        self.gate.install(app)

    def _forwarder(self, area: str) -> APIRouter:
        forwarder = Forwarder(area, lambda: self.base_url)

        @asynccontextmanager
        async def lifespan(app: Any) -> AsyncIterator[None]:
            await asyncio.to_thread(lambda: self.base_url)
            if isinstance(app, FastAPI) and getattr(app.state, "tollgate", None) is None:
                # No request has come yet: the stack is built anew with the first one.
                app.middleware_stack = None
                self.gate.install(app)
            try:
                yield
            finally:
                await forwarder.aclose()
                await self.gate.aclose()

        forwarder.router.lifespan_context = lifespan
        return forwarder.router


class AuthService(_Service):
    """Accounts, sign-ins and API keys.

    ``database_url`` starts the bundled program with that database (SQLAlchemy's spellings are
    understood) and ends it with this process; ``base_url``, or ``TOLLGATE_URL``, uses a running
    service. ``service_key`` (``TOLLGATE_SERVICE_KEY``) is needed to charge units. Further named
    values are the gate's: :class:`tollgate.fastapi.Tollgate`.
    """

    def __init__(self, database_url: str | None = None, **settings: Any) -> None:
        super().__init__(database_url, **settings)
        #: Forwards to ``/auth``: ``app.include_router(auth_service.router, prefix="/auth")``.
        self.router = self._forwarder("auth")
        #: Forwards to ``/admin``.
        self.admin_router = self._forwarder("admin")


class PaymentService(_Service):
    """Plans, subscriptions, payments, quota and usage; made like :class:`AuthService`."""

    def __init__(self, database_url: str | None = None, **settings: Any) -> None:
        super().__init__(database_url, **settings)
        #: Forwards to ``/payments``.
        self.router = self._forwarder("payments")
        #: Forwards to ``/quota`` and ``/usage``.
        self.quota_router = self._forwarder("quota")
        self.usage_router = self._forwarder("usage")


class _LateGate(Tollgate):
    """A gate whose address is known once the program runs."""

    def __init__(
        self, service: _Service, service_key: str | None, settings: dict[str, Any]
    ) -> None:
        super().__init__(None, service_key, **settings)
        self._service = service

    def address(self) -> str:
        return self._service.base_url
