"""Talks to an MCP server with the Python SDK's client and prints one JSON line of what it saw.

Usage: python.py URL legacy|2026-07-28
"""

import asyncio
import json
import sys
import time

from mcp.client import Client

STEPS = 3


def text(result) -> str:
    if result.is_error:
        raise RuntimeError(f"the tool failed: {result.content}")
    return "".join(block.text for block in result.content)


async def talk(url: str, era: str) -> dict:
    progress, arrived = [], []

    async def on_progress(done: float, total: float | None, _message: str | None) -> None:
        progress.append([done, total])
        arrived.append(time.monotonic())

    # `auto` asks with `server/discover` first; the test holds the version that came of it against the era.
    async with Client(url, mode="legacy" if era == "legacy" else "auto", read_timeout_seconds=30) as client:
        tools = await client.list_tools()
        echo = await client.call_tool("echo", {"text": "Grüße, 世界"})
        total = await client.call_tool("add", {"a": 40, "b": 2})
        countdown = await client.call_tool("countdown", {"from": STEPS}, progress_callback=on_progress)
        arrived.append(time.monotonic())
        return {
            "protocol_version": client.protocol_version,
            "server": client.server_info.name if client.server_info else None,
            "tools": [tool.name for tool in tools.tools],
            "echo": text(echo),
            "add": text(total),
            "countdown": text(countdown),
            "progress": progress,
            "milliseconds_from_first_progress_to_answer": (arrived[-1] - arrived[0]) * 1000,
        }


print(json.dumps(asyncio.run(asyncio.wait_for(talk(sys.argv[1], sys.argv[2]), 60)), ensure_ascii=False))
