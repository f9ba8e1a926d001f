"""The gate of an application that has only one, and its guards by the design's names.

It is the one that ``use_gate`` names (each ``AuthService`` and ``PaymentService`` does), else one
made from ``TOLLGATE_URL`` and ``TOLLGATE_SERVICE_KEY`` at the first request.
"""

from __future__ import annotations

from .gate import Tollgate
from .guards import Guards


class _Default(Guards):
    """Guards that find their gate when a request comes, so that they may be imported before it."""

    def __init__(self) -> None:
        self._named: Tollgate | None = None
        super().__init__()

    def gate(self) -> Tollgate:
        if self._named is None:
            self._named = Tollgate()
        return self._named

    def use(self, gate: Tollgate) -> None:
        self._named = gate


_default = _Default()

current_gate = _default.gate
use_gate = _default.use
get_current_user = _default.get_current_user
get_optional_user = _default.get_optional_user
require_auth = _default.require_auth
require_permission = _default.require_permission
require_subscription = _default.require_subscription
consume_quota = _default.consume_quota
