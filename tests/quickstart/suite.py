"""Runs the blocks of the quick start, as they stand, in terminals of their own, and looks at what they come to.

suite.py PROGRAM NPM_PACKAGE [LANGUAGE…]

Only addresses are said from outside, by the variables that the blocks read. Each way has a fresh folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
from blocks import ENDINGS, blocks_of, quick_start

PROGRAM, PACKAGE = (Path(named).resolve() for named in sys.argv[1:3])
#: The whole run, in seconds.
AT_MOST = 600
#: What is started answers within so many seconds.
STARTS_WITHIN = 30.0
#: The free plan's units.
FREE = 10
#: What a terminal keeps from one block to the next: functions, what is exported, and these.
KEPT = Path("terminal")
VARIABLES = ["T", "J", "ANN", "TOKEN", "KEY", "ADMIN"]


def check(true: bool, what: str, seen: object = "") -> None:
    """Ends the run unless it is true."""
    if not true:
        raise SystemExit(f"FAILED: {what}: {seen}")


class Desk:
    """A folder, free ports, and the terminals in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir()
        (folder / "bin" / "tollgate").symlink_to(PROGRAM)
        service, self.app_port, gate = free_ports(3)
        self.url = f"http://127.0.0.1:{service}"
        self.gate = f"127.0.0.1:{gate}"
        self.running: list[tuple[str, subprocess.Popen[bytes]]] = []
        python = Path(sys.executable).parent
        self.env = {
            "PATH": f"{folder / 'bin'}:{python}:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": os.environ["PYTHONPATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(folder),
            "NO_COLOR": "1",
            "ADMIN_PASSWORD": secrets.token_urlsafe(18),
        }
        #: Where the service is to listen; said to its own terminal only.
        self.listening = {"ADDR": f"127.0.0.1:{service}", "PUBLIC_URL": self.url, "ADMIN_EMAIL": "me@example.com"}
        #: The second terminal: where the service and the application are.
        self.second = {"TOLLGATE_URL": self.url, "APP_PORT": str(self.app_port)}

    def run(self, block: str, **more: str) -> str:
        """A block that ends, in the second terminal: what the ones before it have set is there."""
        kept = self.folder / KEPT
        script = f"[ -e {KEPT} ] && . ./{KEPT}\n{block}\n{{ declare -f; export -p; for n in {' '.join(VARIABLES)}; do "
        script += f'[ -z "${{!n:-}}" ] || declare -p $n; done; }} >{KEPT}\n'
        known = self.second if not kept.exists() else {}
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env={**self.env, **known, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        check(done.returncode == 0, "a block ended badly", f"\n{block}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def start(self, name: str, block: str, env: dict[str, str], port: int, *, after: bool = False) -> None:
        """A block that stays, with its log; back when somebody listens."""
        script = f". ./{KEPT}\n{block}" if after else block
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                ["bash", "-e", "-o", "pipefail", "-c", script],
                cwd=self.folder,
                env={**self.env, **env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A group of its own, by which the shell and what it started are ended.
                start_new_session=True,
            )
        self.running.append((name, process))
        begun = time.monotonic()
        while time.monotonic() - begun < STARTS_WITHIN:
            check(process.poll() is None, f"{name} ended", self.tail(name))
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(0.02)
        raise SystemExit(f"FAILED: {name} does not listen: {self.tail(name)}")

    def start_service(self, block: str, name: str = "service", **env: str) -> None:
        """The service, ready to answer."""
        port = int(self.url.rpartition(":")[2])
        self.start(name, block, {**self.listening, **env}, port)
        begun = time.monotonic()
        while time.monotonic() - begun < STARTS_WITHIN:
            with contextlib.suppress(httpx2.TransportError):
                if httpx2.get(f"{self.url}/health", timeout=2).status_code == 200:
                    return
            time.sleep(0.02)
        raise SystemExit(f"FAILED: {name} does not answer: {self.tail(name)}")

    def end(self, *names: str) -> None:
        """Ends what was started under these names; without any, everything, the last first."""
        for one in reversed(self.running[:]):
            name, process = one
            if names and name not in names:
                continue
            self.running.remove(one)
            for word in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, word)
                begun = time.monotonic()
                while alive(process) and time.monotonic() - begun < 15:
                    time.sleep(0.02)

    def tail(self, name: str) -> str:
        """The end of its log."""
        return "\n" + "\n".join((self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-15:])

    # --- what is asked of the service, beside the blocks ---

    def key(self) -> str:
        """The buyer's key, as the block has it."""
        return subprocess.run(
            ["bash", "-c", f'. ./{KEPT}; printf %s "$KEY"'],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout

    def quota(self) -> tuple[int, int, int]:
        """Used, reserved, remaining."""
        asked = {"resource_type": "dicom_processing"}
        answer = httpx2.get(f"{self.url}/quota/check", params=asked, headers={"x-api-key": self.key()}, timeout=10)
        check(answer.status_code == 200, "/quota/check", answer.text)
        quota = answer.json()["quota"]
        return quota["used"], quota["reserved"], quota["remaining"]


def alive(process: subprocess.Popen[bytes]) -> bool:
    """Whether anything is left of its group."""
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    """All at once, so that they differ."""
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@contextlib.contextmanager
def desk() -> Iterator[Desk]:
    """One with nothing on it."""
    with tempfile.TemporaryDirectory(prefix="quickstart-") as folder:
        one = Desk(Path(folder))
        try:
            yield one
        except BaseException:
            for name, _ in one.running:
                print(f"== {name}{one.tail(name)}", file=sys.stderr)
            raise
        finally:
            one.end()


def answers(text: str) -> list[dict[str, object]]:
    """The JSON documents that curl printed one behind the other."""
    found, at = [], 0
    while at < len(text):
        if text[at] == "{":
            document, at = json.JSONDecoder().raw_decode(text, at)
            found.append(document)
        else:
            at += 1
    return found


def first_call(at: Desk, blocks: dict[str, str]) -> None:
    """Register, key, plan, one unit."""
    told = answers(at.run(blocks["first-call"]))[-1]["quota"]
    check((told["used"], told["remaining"]) == (1, FREE - 1), "the first metered call", told)


def sold(at: Desk, url: str, failing: int) -> None:
    """What a route behind any guard comes to: nobody, success, failure, the last unit, one more."""

    def call(body: bytes, **headers: str) -> httpx2.Response:
        return httpx2.post(f"{url}/process", content=body, headers=headers, timeout=30)

    mine = {"x-api-key": at.key()}
    used, held, left = at.quota()
    check(held == 0, "nothing is set aside", held)
    refused = call(b"a file")
    check(refused.status_code == 401, "without a credential", f"{refused.status_code} {refused.text}")
    check(at.quota() == (used, 0, left), "a refused call costs nothing", at.quota())
    answer = call(b"a file", **mine)
    check(answer.status_code == 200, "a call that is paid for", f"{answer.status_code} {answer.text}")
    used, left = used + 1, left - 1
    check(at.quota() == (used, 0, left), "it cost one unit", at.quota())
    answer = call(b"", **mine)
    check(answer.status_code == failing, "a call that fails", f"{answer.status_code} {answer.text}")
    check(at.quota() == (used, 0, left), "it gave its unit back", at.quota())
    for _ in range(left - 1):
        check(call(b"a file", **mine).status_code == 200, "one of the units that are left", at.quota())
    check(call(b"", **mine).status_code == failing, "a failure on the last unit")
    check(at.quota() == (FREE - 1, 0, 1), "the last unit came back", at.quota())
    check(call(b"a file", **mine).status_code == 200, "the last unit", at.quota())
    answer = call(b"a file", **mine)
    check(answer.status_code == 429, "one more than the plan has", f"{answer.status_code} {answer.text}")
    check(answer.json()["code"] == "quota_exceeded", "its code", answer.text)
    check(at.quota() == (FREE, 0, 0), "it took nothing", at.quota())


def by_curl(blocks: dict[str, str]) -> str:
    """The service alone: first call, last unit, purchase."""
    with desk() as at:
        at.start_service(blocks["start"])
        first_call(at, blocks)
        asked = {"resource_type": "dicom_processing"}

        def consume(**headers: str) -> httpx2.Response:
            return httpx2.post(f"{at.url}/quota/consume", json=asked, headers=headers, timeout=10)

        mine = {"x-api-key": at.key()}
        check(consume().status_code == 401, "without a credential")
        for spent in range(2, FREE + 1):
            answer = consume(**mine)
            check(answer.status_code == 200 and answer.json()["quota"]["used"] == spent, f"unit {spent}", answer.text)
        answer = consume(**mine)
        check(answer.status_code == 429 and answer.json()["code"] == "quota_exceeded", "the eleventh call", answer.text)
        check("upgrade_url" in answer.json(), "it says where there is more", answer.text)
        check(at.quota() == (FREE, 0, 0), "it took nothing", at.quota())
        quota = answers(at.run(blocks["purchase"]))[-1]["quota"]
        check(quota["limit"] == 1000, "the plan that was bought", quota)
        check(consume(**mine).status_code == 200, "a unit of it")
    return ""


def by_python(blocks: dict[str, str]) -> str:
    """The FastAPI application of the block."""
    with desk() as at:
        begun = time.monotonic()
        at.start_service(blocks["start"])
        first_call(at, blocks)
        (at.folder / "app.py").write_text(blocks["python"])
        at.run(blocks["service-key"])
        at.start("application", blocks["serve-python"], {}, at.app_port, after=True)
        url = f"http://127.0.0.1:{at.app_port}"
        said = at.run(blocks["call"], APP_URL=url)
        took = time.monotonic() - begun
        check(said.startswith("HTTP/1.1 200") and "ann@example.com" in said, "the call of the block", said)
        check(at.quota() == (2, 0, FREE - 2), "it cost one unit", at.quota())
        sold(at, url, failing=422)
    return f"{took:.1f} s from starting the program to the first metered call of the application"


def by_typescript(blocks: dict[str, str]) -> str:
    """The application for Node, with the package as it is packed."""
    with desk() as at:
        at.start_service(blocks["start"])
        first_call(at, blocks)
        (at.folder / "node_modules").mkdir()
        (at.folder / "node_modules" / "tollgate").symlink_to(PACKAGE)
        (at.folder / "app.mjs").write_text(blocks["typescript"])
        at.run(blocks["service-key"])
        at.start("application", blocks["serve-typescript"], {}, at.app_port, after=True)
        sold(at, f"http://127.0.0.1:{at.app_port}", failing=422)
    return ""


class Untouched(BaseHTTPRequestHandler):
    """An application that knows of no gate; it fails at an empty file."""

    seen: list[str | None] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.answer(200)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.seen.append(self.headers.get("x-auth-user-email"))
        self.answer(200 if body else 500)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def by_gate(blocks: dict[str, str]) -> str:
    """The gate in front of an application in which no line changes."""
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Untouched)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    dead = free_ports(1)[0]
    with desk() as at:
        url = f"http://{at.gate}"
        behind = {"UPSTREAM": f"http://127.0.0.1:{upstream.server_port}", "LISTEN": at.gate}
        begun = time.monotonic()
        at.start_service(blocks["gate"], "gate", **behind)
        first_call(at, blocks)
        said = at.run(blocks["call"], APP_URL=url)
        took = time.monotonic() - begun
        check(said.split()[1] == "200", "the call of the block", said)
        check(Untouched.seen[-1:] == ["ann@example.com"], "the application is told who it is", Untouched.seen)
        check(at.quota() == (2, 0, FREE - 2), "it cost one unit", at.quota())
        check(httpx2.get(f"{url}/health", timeout=10).status_code == 200, "what is open to anybody")
        # No application at all: the same folder, so the same account.
        at.end("gate")
        at.start_service(blocks["gate"], "gate", **{**behind, "UPSTREAM": f"http://127.0.0.1:{dead}"})
        answer = httpx2.post(f"{url}/process", content=b"a file", headers={"x-api-key": at.key()}, timeout=30)
        check(answer.status_code == 502, "no application", f"{answer.status_code} {answer.text}")
        check(at.quota() == (2, 0, FREE - 2), "it gave its unit back", at.quota())
        at.end("gate")
        at.start_service(blocks["gate"], "gate", **behind)
        sold(at, url, failing=500)
    upstream.shutdown()
    return f"{took:.1f} s from starting the program to the first metered call through it"


WAYS = {"curl": by_curl, "python": by_python, "gate": by_gate, "typescript": by_typescript}


def main() -> None:
    """Every way, in every language that is asked for."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"FAILED: not done within {AT_MOST} seconds"))
    signal.alarm(AT_MOST)
    for language in sys.argv[3:] or ENDINGS:
        blocks = blocks_of(quick_start(language))
        for name, way in WAYS.items():
            begun = time.monotonic()
            told = way(blocks)
            took = f"{time.monotonic() - begun:.0f} s"
            print(f"{language} {name}: ok, {took}" + (f"; {told}" if told else ""), flush=True)


if __name__ == "__main__":
    main()
