// Talks to an MCP server with `@modelcontextprotocol/sdk`, which knows the legacy era alone, and prints one JSON line
// of what it saw.
//
// Usage: node typescript_v1.mjs URL legacy, with NODE_MODULES set to the folder that holds the package.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

import { talk } from "./talk.mjs";

// A module is looked for beside the script; the packages lie in the target folder.
const { resolve } = createRequire(`${process.env.NODE_MODULES}/`);
const load = (name) => import(pathToFileURL(resolve(name)).href);

const { Client } = await load("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = await load("@modelcontextprotocol/sdk/client/streamableHttp.js");

const [url, era] = process.argv.slice(2);
if (era !== "legacy") {
  throw new Error(`this client does not know the era ${era}`);
}
const client = new Client({ name: "typescript-v1", version: "1.0.0" });
const transport = new StreamableHTTPClientTransport(new URL(url));
await client.connect(transport);
await talk(
  client,
  () => transport.protocolVersion,
  (name, args, onprogress) => client.callTool({ name, arguments: args }, undefined, { onprogress, timeout: 30_000 }),
);
