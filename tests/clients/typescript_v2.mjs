// Talks to an MCP server with `@modelcontextprotocol/client` and prints one JSON line of what it saw.
//
// Usage: node typescript_v2.mjs URL legacy|2026-07-28, with NODE_MODULES set to the folder that holds the package.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

import { talk } from "./talk.mjs";

// A module is looked for beside the script; the packages lie in the target folder.
const { resolve } = createRequire(`${process.env.NODE_MODULES}/`);
const { Client, StreamableHTTPClientTransport } = await import(
  pathToFileURL(resolve("@modelcontextprotocol/client")).href
);

const [url, era] = process.argv.slice(2);
// `auto` asks with `server/discover` first; the test holds the version that came of it against the era.
const mode = era === "legacy" ? "legacy" : "auto";
const client = new Client({ name: "typescript-v2", version: "1.0.0" }, { versionNegotiation: { mode } });
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
await talk(
  client,
  () => client.getNegotiatedProtocolVersion(),
  (name, args, onprogress) => client.callTool({ name, arguments: args }, { onprogress, timeout: 30_000 }),
);
