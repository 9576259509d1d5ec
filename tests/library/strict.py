"""A server of the legacy era that speaks over standard input and output, one thing at a time, and takes the protocol at
its word: before it is initialized it answers nothing."""

import json
import sys

client = None
ready = False
for line in sys.stdin:
    message = json.loads(line)
    method, params = message.get("method"), message.get("params", {})

    def say(**member):
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **member}), flush=True)

    if method == "initialize" and client is None:
        client = params["clientInfo"]["name"]
        server = {"name": "strict", "version": "1"}
        say(result={"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": server})
    elif method == "notifications/initialized" and client is not None:
        ready = True
    elif "id" not in message:
        pass
    elif not ready or method != "tools/call":
        say(error={"code": -32002, "message": "this is not the time for " + method})
    elif params["name"] == "die":
        sys.exit("as it was told")
    else:
        text = {"who": client, "echo": params.get("arguments", {}).get("text")}[params["name"]]
        say(result={"content": [{"type": "text", "text": text}]})
