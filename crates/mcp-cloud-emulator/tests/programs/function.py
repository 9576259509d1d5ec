#!/usr/bin/env python3
"""A Lambda function that speaks the Runtime API by hand. The last segment of the path says what it does."""

import base64
import json
import os
import socket
import sys
import threading
import time

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
HOST, PORT = API.rsplit(":", 1)
ROOT = "/2018-06-01/runtime/"
PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response"

ticks = 0
lock = threading.Lock()
count = 0
under_way = 0


def tick():
    global ticks
    while True:
        time.sleep(0.01)
        ticks += 1


def connect():
    connection = socket.create_connection((HOST, int(PORT)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read(file):
    status = int(file.readline().split()[1])
    headers = {}
    while True:
        line = file.readline().strip().decode()
        if not line:
            break
        name, value = line.split(":", 1)
        headers[name.lower()] = value.strip()
    return status, headers, file.read(int(headers.get("content-length", 0)))


def call(method, path, body=b"", headers=()):
    with connect() as connection:
        head = [f"{method} {ROOT}{path} HTTP/1.1", f"Host: {API}", f"Content-Length: {len(body)}"]
        head += [f"{name}: {value}" for name, value in headers]
        connection.sendall("\r\n".join(head + ["", ""]).encode() + body)
        return read(connection.makefile("rb"))


def stream(request_id, chunks, trailers=(), content_type=PRELUDE_TYPE):
    with connect() as connection:
        head = [
            f"POST {ROOT}invocation/{request_id}/response HTTP/1.1",
            f"Host: {API}",
            f"Content-Type: {content_type}",
            "Lambda-Runtime-Function-Response-Mode: streaming",
            "Transfer-Encoding: chunked",
            "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
            "",
            "",
        ]
        connection.sendall("\r\n".join(head).encode())
        for chunk in chunks:
            if isinstance(chunk, float):
                time.sleep(chunk)
                continue
            connection.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        tail = ["0"] + [f"{name}: {value}" for name, value in trailers] + ["", ""]
        connection.sendall("\r\n".join(tail).encode())
        return read(connection.makefile("rb"))


def prelude(status=200, **more):
    document = {"statusCode": status, "headers": {"content-type": "text/plain"}, **more}
    return json.dumps(document).encode() + bytes(8)


def query(event):
    return event.get("rawQueryString") or next(iter(event["queryStringParameters"]))


def serve(request_id, event, count):
    path = event.get("rawPath") or event.get("path")
    action = path.rsplit("/", 1)[-1]
    if action == "stream":
        stream(request_id, [prelude(), b"one\n", 0.3, b"two\n"])
    elif action == "stream-quiet":
        stream(request_id, [prelude(), 0.9, b"late\n"])
    elif action == "stream-empty":
        stream(request_id, [prelude(202)])
    elif action == "stream-fail":
        error = base64.b64encode(b'{"errorMessage":"secret"}').decode()
        trailers = [
            ("Lambda-Runtime-Function-Error-Type", "Function.Broken"),
            ("Lambda-Runtime-Function-Error-Body", error),
        ]
        stream(request_id, [prelude(), b"one\n"], trailers)
    elif action == "stream-no-prelude":
        stream(request_id, [b"just text"], content_type="text/x-raw")
    elif action == "stream-die":
        # The connection breaks when the process does.
        with connect() as connection:
            head = f"POST {ROOT}invocation/{request_id}/response HTTP/1.1\r\nHost: {API}\r\n"
            head += f"Content-Type: {PRELUDE_TYPE}\r\n"
            head += "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n"
            chunk = prelude() + b"one\n"
            connection.sendall(head.encode() + b"%x\r\n%s\r\n" % (len(chunk), chunk))
            time.sleep(0.2)
            os._exit(4)
    elif action == "stream-pause":
        print("stream:", stream(request_id, [prelude(), b"one\n", 1.5, b"two\n"])[0], flush=True)
    elif action == "stream-beat":
        stream(request_id, [prelude(), *[b"beat\n", 0.3] * 6])
    elif action == "stream-late-prelude":
        stream(request_id, [prelude()[:10], 1.5, prelude()[10:] + b"one\n"])
    elif action == "stream-document":
        # A buffered reply in pieces: what a trigger makes of it that does not stream.
        document = json.dumps({"statusCode": 200, "body": "x" * int(query(event))}).encode()
        pieces = [document[at : at + 65536] for at in range(0, len(document), 65536)]
        stream(request_id, pieces, content_type="application/json")
    elif action == "stream-long":
        stream(request_id, [prelude(), b"one\n", 30.0, b"two\n"])
    elif action == "crash":
        os._exit(3)
    elif action == "hang":
        time.sleep(60)
    elif action == "slow":
        time.sleep(0.5)
        reply(request_id, event, count)
    elif action == "sleep":
        time.sleep(float(query(event)))
        reply(request_id, event, count)
    elif action == "overdue":
        time.sleep(float(query(event)))
        document = json.dumps({"statusCode": 200, "body": "late"}).encode()
        print("late reply:", call("POST", f"invocation/{request_id}/response", document)[0], flush=True)
    elif action == "stream-query":
        # As many lines as the query says, a tenth of a second apart.
        lines = [f"{query(event)}\n".encode(), 0.1] * int(query(event))
        stream(request_id, [prelude(), *lines])
    elif action == "stream-cut":
        with connect() as connection:
            head = f"POST {ROOT}invocation/{request_id}/response HTTP/1.1\r\nHost: {API}\r\n"
            head += f"Content-Type: {PRELUDE_TYPE}\r\n"
            head += "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n"
            chunk = prelude() + b"one\n"
            connection.sendall(head.encode() + b"%x\r\n%s\r\n" % (len(chunk), chunk))
            time.sleep(0.2)
    elif action == "linger":
        reply(request_id, event, count)
        time.sleep(60)
    elif action == "error":
        call(
            "POST",
            f"invocation/{request_id}/error",
            b'{"errorMessage":"secret","errorType":"Broken"}',
            [("Lambda-Runtime-Function-Error-Type", "Function.Broken")],
        )
    elif action == "malformed":
        call("POST", f"invocation/{request_id}/response", b"not json")
    elif action == "big":
        body = json.dumps({"statusCode": 200, "body": "x" * 7_000_000}).encode()
        print("refused with", call("POST", f"invocation/{request_id}/response", body)[0], flush=True)
    elif action == "print":
        print("to stdout", flush=True)
        print("to stderr", file=sys.stderr, flush=True)
        reply(request_id, event, count)
    else:
        reply(request_id, event, count)


def reply(request_id, event, count):
    seen = {"event": event, "count": count, "pid": os.getpid(), "ticks": ticks, "env": dict(os.environ)}
    seen["under_way"] = under_way
    body = json.dumps(seen)
    headers = {"content-type": "application/json", "www-authenticate": "Bearer"}
    document = {"statusCode": 200, "body": body, "isBase64Encoded": False}
    if "multiValueHeaders" in event and "version" not in event:
        document["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
    else:
        document["headers"] = headers
    call("POST", f"invocation/{request_id}/response", json.dumps(document).encode())


def main():
    if os.environ.get("FAIL_INIT") == "report":
        call(
            "POST",
            "init/error",
            b'{"errorMessage":"no config"}',
            [("Lambda-Runtime-Function-Error-Type", "Function.NoConfig")],
        )
        sys.exit(1)
    if os.environ.get("FAIL_INIT") == "exit":
        sys.exit(7)
    threading.Thread(target=tick, daemon=True).start()
    # Lambda Managed Instances say how many events a runtime may ask for at once.
    workers = os.environ.get("WORKERS") or os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY", 1)
    for _ in range(1, int(workers)):
        threading.Thread(target=work, daemon=True).start()
    work()


def work():
    global count, under_way
    while True:
        _, headers, event = call("GET", "invocation/next")
        with lock:
            count += 1
            under_way += 1
            mine = count
        serve(headers["lambda-runtime-aws-request-id"], json.loads(event), mine)
        with lock:
            under_way -= 1


main()
