// Lines written together: in order, soon, and never lost at the end.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { bufferLines, MAX_HELD_CHARS } from "./line-buffer.ts";

test("lines of one moment come out as one write, in order", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const write = bufferLines(resolve);
  write("a\n");
  write("b\n");
  expect(await promise).toBe("a\nb\n");
});

test("much text does not wait", () => {
  const written: string[] = [];
  const write = bufferLines((text) => written.push(text));
  write("x".repeat(MAX_HELD_CHARS));
  expect(written).toEqual([]);
  write("y");
  expect(written.map(({ length }) => length)).toEqual([MAX_HELD_CHARS + 1]);
});

test("what is held when the process exits is written", () => {
  const module = join(import.meta.dir, "line-buffer.ts");
  const code = `import { bufferLines } from ${JSON.stringify(module)};
    bufferLines((text) => process.stderr.write(text))("last words\\n");
    process.exit(3);`;
  const child = Bun.spawnSync([process.execPath, "-e", code]);
  expect(child.stderr.toString()).toBe("last words\n");
  expect(child.exitCode).toBe(3);
});
