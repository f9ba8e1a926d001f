"""The service as a program beside this one: found, started once for an address, ended with us."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from .errors import Unavailable

#: The program must answer within so many seconds of its start.
STARTS_WITHIN = 30.0
#: At the end it may take so long to finish what it is doing; then it is killed.
ENDS_WITHIN = 10.0

_running: dict[tuple[str, str | None], Program] = {}
_lock = threading.Lock()
# The program listens on this machine; a proxy of the environment would not find it.
_direct = build_opener(ProxyHandler({}))


class Program:
    """A running service: where it is, and its process."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        self.url, self.process = url, process

    def stop(self) -> None:
        """Asks it to end, and waits; kills it after ten seconds."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def running(database_url: str, *, public_url: str | None = None) -> Program:
    """The one program for ``database_url``; started at the first call, ended at exit.

    It takes its other settings from the environment. Raises ``FileNotFoundError`` when there is no
    program, ``Unavailable`` when it does not start.
    """
    with _lock:
        known = _running.get((database_url, public_url))
        if known is not None and known.process.poll() is None:
            return known
        started = _start(database_url, public_url)
        atexit.register(started.stop)
        _running[database_url, public_url] = started
        return started


def find_program() -> str:
    """``TOLLGATE_BINARY``, else the program of the wheel ``tollgate-server``, else of ``PATH``.

    Raises ``FileNotFoundError``, which says what to install.
    """
    named = os.environ.get("TOLLGATE_BINARY")
    if named:
        if not Path(named).is_file():
            raise FileNotFoundError(f"TOLLGATE_BINARY={named} is no file")
        return named
    # Beside this interpreter, whose folder of programs need not be on PATH.
    with contextlib.suppress(PackageNotFoundError):
        for file in distribution("tollgate-server").files or ():
            if file.name in ("tollgate", "tollgate.exe"):
                return str(Path(str(file.locate())).resolve())
    found = shutil.which("tollgate")
    if found is None:
        raise FileNotFoundError(
            "the program tollgate is missing: pip install 'tollgate[server]', put it on PATH, "
            "or name it in TOLLGATE_BINARY; with base_url= a running service is used instead"
        )
    return found


def _start(database_url: str, public_url: str | None) -> Program:
    program, port = find_program(), _free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        **os.environ,
        "DATABASE_URL": database_url,
        "ADDR": f"127.0.0.1:{port}",
        "PUBLIC_URL": public_url or os.environ.get("PUBLIC_URL") or url,
        # The routers pass the client's address on from here.
        "TRUSTED_PROXIES": os.environ.get("TRUSTED_PROXIES") or "127.0.0.1",
    }
    for name in ("HOST", "PORT"):
        settings.pop(name, None)
    # Nobody else's words: the path is of this machine, and no shell reads it.
    process = subprocess.Popen(  # noqa: S603
        [program, "serve"], env=settings, stdin=subprocess.DEVNULL
    )
    started = Program(url, process)
    begun = time.monotonic()
    while time.monotonic() - begun < STARTS_WITHIN:
        if process.poll() is not None:
            raise Unavailable(f"{program} ended at its start with {process.returncode}")
        with contextlib.suppress(URLError, OSError), _direct.open(f"{url}/health", timeout=2):
            return started
        time.sleep(0.05)
    started.stop()
    raise Unavailable(f"{program} did not answer within {STARTS_WITHIN:.0f} seconds")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
