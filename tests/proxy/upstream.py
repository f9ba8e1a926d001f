"""An application that knows nothing of Tollgate: it answers with what it was sent.

    upstream.py PORT

`GET /_calls` says how many calls came, itself not counted.
"""

import hashlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Application(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, address):
        super().__init__(address, Handler)
        self.lock = threading.Lock()
        self.calls = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def answer(self):
        digest, length = hashlib.sha256(), 0
        for piece in self.body():
            digest.update(piece)
            length += len(piece)
        # As it was written: `path` is already tidied up.
        target = self.requestline.split(" ")[1]
        if target == "/_calls":
            told = {"calls": self.server.calls}
        else:
            with self.server.lock:
                self.server.calls += 1
            body = {"length": length, "sha256": digest.hexdigest()}
            told = {
                "upstream": True,
                "method": self.command,
                "target": target,
                "headers": [[name.lower(), value] for name, value in self.headers.items()],
                "body": body,
            }
        text = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0 and (piece := self.rfile.read(min(left, 65536))):
            left -= len(piece)
            yield piece

    def log_message(self, form, *values):
        sys.stderr.write(form % values + "\n")


if __name__ == "__main__":
    Application(("127.0.0.1", int(sys.argv[1]))).serve_forever()
