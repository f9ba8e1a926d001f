"""``consume_quota`` of the design: called with a user, or placed before a handler."""

from tollgate.fastapi import consume_quota

__all__ = ["consume_quota"]
