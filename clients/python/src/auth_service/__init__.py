"""The design's import path for accounts; see :mod:`tollgate`."""

from tollgate.fastapi import User, get_current_user
from tollgate.services import AuthService

__all__ = ["AuthService", "User", "get_current_user"]
