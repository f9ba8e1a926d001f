"""A guard is both: a dependency, and a decorator that is placed under the route decorator."""

from __future__ import annotations

import inspect
import itertools
import typing
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Generic, TypeVar, cast

from fastapi import Depends

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_numbers = itertools.count()


class Guard(Generic[T]):
    """``Depends(guard)`` gives its value; ``@guard`` puts it before a handler.

    As a decorator it fills the handler's parameter of that type (or of the name it knows), if there
    is one; otherwise the handler need not know. Either way nothing of it shows in OpenAPI but what
    a caller has to send.
    """

    def __init__(
        self,
        dependency: Callable[..., Coroutine[Any, Any, T]],
        *,
        gives: type[Any] | None = None,
        named: str | None = None,
    ) -> None:
        # FastAPI reads the signature, and whether to await, through this.
        self.__wrapped__ = dependency
        self.__name__ = getattr(dependency, "__name__", "guard")
        self.__doc__ = dependency.__doc__
        self._gives, self._named = gives, named

    @typing.overload
    def __call__(self, handler: F, /) -> F: ...

    @typing.overload
    def __call__(self) -> Guard[T]: ...

    @typing.overload
    def __call__(self, **values: Any) -> Coroutine[Any, Any, T]: ...

    def __call__(self, *handlers: Any, **values: Any) -> Any:
        """``@guard`` and ``@guard()`` decorate; FastAPI calls with what it has resolved."""
        if values:
            return self.__wrapped__(**values)
        if not handlers:
            return self
        (handler,) = handlers
        return self._before(handler)

    def _before(self, handler: F) -> F:
        if not callable(handler):
            raise TypeError("a guard decorates a function, under the route decorator")
        if hasattr(handler, "methods") or inspect.isclass(handler):
            raise TypeError("place the guard under the route decorator, on the function")
        signature = _resolved(handler)
        own = self._parameter_of(signature)
        name = own or f"tollgate_guard_{next(_numbers)}"

        def told(values: dict[str, Any]) -> dict[str, Any]:
            if own is None:
                values.pop(name, None)
            return values

        if inspect.iscoroutinefunction(handler):

            @wraps(handler)
            async def guarded(**values: Any) -> Any:
                return await handler(**told(values))
        else:

            @wraps(handler)
            def guarded(**values: Any) -> Any:
                return handler(**told(values))

        # By keyword, so that a parameter with a default may stand before one without.
        parameters = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in signature.parameters.values()
            if parameter.name != name
        ]
        parameters.append(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=Depends(self))
        )
        guarded.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return cast("F", guarded)

    def _parameter_of(self, signature: inspect.Signature) -> str | None:
        """The handler's own parameter for the value, unless it says itself where that is from."""
        for parameter in signature.parameters.values():
            if parameter.default is not inspect.Parameter.empty:
                continue
            kind = parameter.annotation
            if self._gives is not None and kind is self._gives:
                return parameter.name
            if parameter.name == self._named and kind in (inspect.Parameter.empty, Any):
                return parameter.name
        return None


def _resolved(handler: Callable[..., Any]) -> inspect.Signature:
    """The signature with annotations, whose text is read in the handler's module."""
    signature = inspect.signature(handler)
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"{handler}: a handler behind a guard has no *args and **kwargs")
    namespace = getattr(inspect.unwrap(handler), "__globals__", {})
    parameters = []
    for parameter in signature.parameters.values():
        annotation = parameter.annotation
        if isinstance(annotation, str):
            try:
                annotation = eval(annotation, namespace)  # noqa: S307 - the handler's own source
            except NameError:
                # Known to type checkers only; FastAPI says so better than we could.
                annotation = parameter.annotation
        parameters.append(parameter.replace(annotation=annotation))
    return signature.replace(parameters=parameters)
