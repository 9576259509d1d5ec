#!/usr/bin/env python3
"""A web server for the triggers that are one: on the port its platform gave it, it says what it got."""

import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

if os.environ.get("FAIL_INIT") == "exit":
    sys.exit(7)
if os.environ.get("FAIL_INIT") == "deaf":
    time.sleep(60)


def terminated(*_):
    print("got SIGTERM", flush=True)
    if os.environ.get("STUBBORN"):
        return
    os._exit(0)


signal.signal(signal.SIGTERM, terminated)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while True:
                size = int(self.rfile.readline(), 16)
                body += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def reply(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def chunks(self, *chunks):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for chunk in chunks:
                if isinstance(chunk, float):
                    time.sleep(chunk)
                    continue
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            print("client has gone", flush=True)
            self.close_connection = True

    def watch(self):
        """Writes nothing, so that it learns of its client's end by reading alone."""
        self.close_connection = True
        print("watching", flush=True)
        try:
            self.connection.recv(1)
        except OSError:
            pass
        print("connection closed", flush=True)

    def do(self):
        body = self.body().decode()
        path = self.path.split("?")[0]
        headers = [[name, value] for name, value in self.headers.items()]
        seen = {"method": self.command, "path": self.path, "headers": headers, "body": body}
        seen["env"] = dict(os.environ)
        seen["pid"] = os.getpid()
        if "AZURE_PAYLOAD" in os.environ and self.command == "POST":
            return self.payload(json.loads(body), seen)
        if path.endswith("/stream"):
            return self.chunks(b"one\n", 0.3, b"two\n")
        if path.endswith("/forever"):
            return self.chunks(*[b"tick\n", 0.05] * 400)
        if path.endswith("/watch"):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"4\r\none\n\r\n")
            return self.watch()
        if path.endswith("/watch-silently"):
            return self.watch()
        if path.endswith("/crash"):
            os._exit(3)
        if path.endswith("/redirect"):
            return self.reply(302, b"", [("Location", "/elsewhere")])
        if path.endswith("/slow"):
            time.sleep(5)
        return self.reply(200, json.dumps(seen).encode(), [("X-Two", "a"), ("X-Two", "b")])

    def payload(self, payload, seen):
        path = payload["Data"]["req"]["Params"]["route"]
        if path == "fail":
            return self.reply(500, b"{}")
        if path == "junk":
            return self.reply(200, b"not json", [("Content-Type", "application/json")])
        output = {
            "statusCode": "201",
            "status": "201",
            "body": json.dumps({"payload": payload, "seen": seen}),
            "headers": {"Content-Type": "application/json", "X-Own": "yes"},
        }
        outputs = {} if path == "without-output" else {"res": output}
        body = json.dumps({"Outputs": outputs, "Logs": [], "ReturnValue": None})
        content_type = "text/plain" if path == "text" else "application/json"
        return self.reply(200, body.encode(), [("Content-Type", content_type)])

    do_GET = do_POST = do_DELETE = do_OPTIONS = do


port = os.environ.get("FUNCTIONS_CUSTOMHANDLER_PORT") or os.environ["PORT"]
print("starting", flush=True)
ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
