// The guides as written: every shell block of curl.md, both scripts, and the package that opencode would use, against a
// live gateway. Only the address differs, because port 4000 may be taken.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText } from "ai";
import { environment } from "#platform";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

const root = join(import.meta.dir, "../..");
const WRITTEN = "http://127.0.0.1:4000";
let gateway: GatewayUnderTest;
let folder = "";

beforeAll(async () => {
  gateway = await startGatewayUnderTest();
  folder = mkdtempSync(join(tmpdir(), "parley-guides-"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
});

afterAll(async () => {
  await gateway.stop();
  rmSync(folder, { recursive: true, force: true });
});

function blocks(guide: string, language: string): readonly string[] {
  const page = readFileSync(join(root, "docs/guides", guide), "utf8");
  const found = page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"));
  return [...found].map(([, text = ""]) => text);
}

async function run(command: readonly string[]) {
  const { PATH = "" } = environment();
  const child = Bun.spawn([...command], {
    cwd: folder,
    env: { PATH, KEY: gateway.token },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { out, err, code };
}

test("every block of curl.md works as written", async () => {
  const answers = await Promise.all(
    blocks("curl.md", "sh").map((block) =>
      run(["sh", "-c", block.replaceAll(WRITTEN, gateway.url)]),
    ),
  );
  expect(answers.map(({ code }) => code)).toEqual(answers.map(() => 0));
  const [chat = "", messages = "", responses = "", counted = "", limited = ""] = answers.map(
    ({ out }) => out,
  );
  for (const text of [chat, responses]) expect(text).toContain('"Hello"');
  expect(messages).toContain('"text":"Hello"');
  expect(counted).toContain('"sim/echo"');
  expect(counted).toContain("gateway_in_flight");
  expect(limited).toContain("429");
  expect(limited.toLowerCase()).toContain("retry-after: 7");
});

test.each([
  ["openai-sdk.md", "Hello and good-bye\n"],
  ["anthropic-sdk.md", "Hello\n"],
])("the script of %s prints what the guide says", async (guide, printed) => {
  const [script = ""] = blocks(guide, "js");
  expect(script).toContain(WRITTEN);
  writeFileSync(join(folder, "hello.mjs"), script.replaceAll(WRITTEN, gateway.url));
  const [command = ""] = blocks(guide, "sh");
  expect(await run(["sh", "-c", command])).toEqual({ out: printed, err: "", code: 0 });
});

test("opencode's package streams an answer with the options of its guide", async () => {
  const [config = ""] = blocks("opencode.md", "json");
  const { provider } = JSON.parse(config.replaceAll(WRITTEN, gateway.url)) as {
    provider: {
      parley: { npm: string; name: string; options: { baseURL: string }; models: object };
    };
  };
  expect(provider.parley.npm).toBe("@ai-sdk/openai-compatible");
  const [model = ""] = Object.keys(provider.parley.models);
  const client = createOpenAICompatible({
    name: provider.parley.name,
    baseURL: provider.parley.options.baseURL,
    apiKey: gateway.token,
  });
  expect(await streamText({ model: client(model), prompt: "Hello" }).text).toBe("Hello");
});

test("what Claude Code and Codex send is answered", async () => {
  expect((await fetch(`${gateway.url}/api/hello`, { method: "HEAD" })).status).toBe(200);
  const headers = { "anthropic-version": "2023-06-01", "anthropic-beta": "claude-code-20250219" };
  const asked = { model: "sim/echo", messages: [{ role: "user", content: "Hello" }] };
  const streamed = await gateway.post(
    "/v1/messages?beta=true",
    { ...asked, max_tokens: 100, stream: true },
    { headers },
  );
  expect(await streamed.text()).toContain("message_stop");
  const counted = await gateway.post("/v1/messages/count_tokens?beta=true", asked, { headers });
  expect(counted.status).toBe(200);
  const tools = [
    { type: "function", name: "shell", strict: false, parameters: { type: "object" } },
  ];
  const responses = await gateway.post("/v1/responses", {
    model: "sim/echo",
    instructions: "You are Codex.",
    input: [{ type: "message", role: "user", content: [{ type: "input_text", text: "Hello" }] }],
    tools,
    tool_choice: "auto",
    store: false,
    stream: true,
  });
  expect(await responses.text()).toContain("response.completed");
});
