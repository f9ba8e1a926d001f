"""The routes of the contract, guarded by nobody: what stands behind `tollgate proxy`. It says what a call was worth
(`X-Quota-Cost`) and knows nothing else of units.
"""

from __future__ import annotations

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Host(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.answer(200)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        asked = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
        # Who has gone away is noticed when the answer is written; the gate has given back by then.
        time.sleep(int(asked.get("slow_ms", "0")) / 1000)
        if asked.get("breaks") == "true":
            self.answer(500)
        else:
            self.answer(int(asked.get("answer", "200")), asked.get("made"))

    def answer(self, status: int, made: str | None = None) -> None:
        content = b"" if status == 204 else json.dumps({"status": status}).encode()
        try:
            self.send_response(status)
            if made is not None:
                self.send_header("x-quota-cost", made)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """The suite says what went wrong."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Host).serve_forever()
