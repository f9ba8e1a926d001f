"""The calls of the service by area, each a function that returns a :class:`~tollgate.call.Call`."""
