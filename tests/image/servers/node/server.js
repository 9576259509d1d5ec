// One tool over standard input and output, by the official SDK.
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const number = { type: "number" };
const add = { name: "add", inputSchema: { type: "object", properties: { a: number, b: number }, required: ["a", "b"] } };
const server = new Server({ name: "sums", version: "1.0.0" }, { capabilities: { tools: {} } });
server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [add] }));
server.setRequestHandler(CallToolRequestSchema, ({ params: { arguments: { a, b } } }) => ({
  content: [{ type: "text", text: String(a + b) }],
}));
await server.connect(new StdioServerTransport());
