"""Has clients of the Python SDK call tools of a server, over and over, half of them in each era of the protocol, and prints
how many calls they made and what failed.

Usage: load.py URL CLIENTS FILE

Prints `ready` as soon as each client has had an answer, and ends when there is a file of that name. The name of a load
balancer is one of AWS's, which is somewhere else here.
"""

import asyncio
import json
import os
import pathlib
import socket
import sys
import time
import urllib.parse

from mcp.client import Client

PAUSE_SECONDS = 0.1
# Each tenth call takes a second, in which it reports ten steps.
LONG_CALL, STEPS = 10, 10
# An answer that does not come is a failure, too.
PATIENCE_SECONDS = 30


class Load:
    def __init__(self, url: str, clients: int, end: pathlib.Path) -> None:
        self.url, self.clients, self.end = url, clients, end
        self.start = time.monotonic()
        self.ready, self.calls, self.failures, self.slowest = 0, 0, [], 0.0

    async def call(self, client: Client, number: int) -> None:
        start = time.monotonic()
        try:
            if number % LONG_CALL:
                result = await client.call_tool("add", {"a": number, "b": 2})
                wanted = str(number + 2)
            else:
                result = await client.call_tool("countdown", {"from": STEPS})
                wanted = "lift-off"
            said = "".join(block.text for block in result.content)
            if result.is_error or said != wanted:
                raise RuntimeError(f"`{said}` and not `{wanted}`")
        except Exception as error:
            self.fail(f"call {number}", error)
        self.calls += 1
        self.slowest = max(self.slowest, time.monotonic() - start)

    def fail(self, what: str, error: BaseException) -> None:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        self.failures.append(f"{time.monotonic() - self.start:.2f} s: {what}: {type(error).__name__}: {error}")

    async def run(self, of: int) -> None:
        mode = "legacy" if of % 2 else "auto"
        number = of
        while not self.end.exists():
            try:
                async with Client(self.url, mode=mode, read_timeout_seconds=PATIENCE_SECONDS) as client:
                    while not self.end.exists():
                        await self.call(client, number)
                        if number == of:
                            self.ready += 1
                            if self.ready == self.clients:
                                print("ready", flush=True)
                        number += 1
                        await asyncio.sleep(PAUSE_SECONDS)
            except Exception as error:
                self.fail(f"client {of}", error)
                await asyncio.sleep(PAUSE_SECONDS)


async def main() -> None:
    url, clients, end = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
    here = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"]).hostname
    look_up = socket.getaddrinfo
    socket.getaddrinfo = lambda _host, *others, **options: look_up(here, *others, **options)
    load = Load(url, clients, end)
    await asyncio.gather(*(load.run(of) for of in range(clients)))
    seen = {"calls": load.calls, "failures": load.failures, "slowest_seconds": round(load.slowest, 2)}
    print(json.dumps(seen), flush=True)


asyncio.run(main())
