// What both generations of the TypeScript client do once they are connected: the same calls, the same report.

const STEPS = 3;

function text(result) {
  if (result.isError) {
    throw new Error(`the tool failed: ${JSON.stringify(result.content)}`);
  }
  return result.content.map((block) => block.text).join("");
}

/** Calls every tool through `callTool(name, arguments, onprogress)` and prints one JSON line of what came back. */
export async function talk(client, protocolVersion, callTool) {
  const progress = [];
  const arrived = [];
  const onprogress = (step) => {
    progress.push([step.progress, step.total ?? null]);
    arrived.push(performance.now());
  };
  const { tools } = await client.listTools();
  const seen = {
    protocol_version: protocolVersion(),
    server: client.getServerVersion()?.name ?? null,
    tools: tools.map((tool) => tool.name),
    echo: text(await callTool("echo", { text: "Grüße, 世界" })),
    add: text(await callTool("add", { a: 40, b: 2 })),
    countdown: text(await callTool("countdown", { from: STEPS }, onprogress)),
    progress,
  };
  arrived.push(performance.now());
  seen.milliseconds_from_first_progress_to_answer = arrived.at(-1) - arrived[0];
  await client.close();
  console.log(JSON.stringify(seen));
}
