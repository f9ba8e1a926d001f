"""The design's guards: dependencies and decorators at once; see :mod:`tollgate.fastapi`."""

from tollgate.fastapi import (
    get_current_user,
    require_auth,
    require_permission,
    require_subscription,
)

__all__ = ["get_current_user", "require_auth", "require_permission", "require_subscription"]
