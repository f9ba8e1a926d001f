"""The design's import path for payments; see :mod:`tollgate`."""

from tollgate.services import PaymentService

__all__ = ["PaymentService"]
