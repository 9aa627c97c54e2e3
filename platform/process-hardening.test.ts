// A hardened process, looked at from inside and from outside. Always a child: it cannot be undone.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hardenProcess } from "./process-hardening.ts";

const PR_GET_DUMPABLE = 3;
const file = join(import.meta.dir, "process-hardening.ts");
const onLinux = process.platform === "linux";

/** A child that says what it found, and lives until its stdin ends. */
function startChild({ isHardened }: { isHardened: boolean }) {
  const script = `
    import { hardenProcess } from ${JSON.stringify(file)};
    import { dlopen } from "bun:ffi";
    const gaps = ${isHardened} ? await hardenProcess() : [];
    const args = ["i32", "u64", "u64", "u64", "u64"];
    let dumpable;
    for (const name of ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"]) {
      try {
        dumpable ??= dlopen(name, { prctl: { args, returns: "i32" } }).symbols.prctl(${PR_GET_DUMPABLE}, 0, 0, 0, 0);
      } catch {
        // This machine has another of these libraries.
      }
    }
    process.stdout.write(JSON.stringify({ gaps, dumpable }));
    process.stdout.end();
    await Bun.stdin.text();`;
  return Bun.spawn([process.execPath, "-e", script], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
}

async function look(options: { isHardened: boolean }) {
  const child = startChild(options);
  try {
    const reader = child.stdout.getReader();
    let told = "";
    while (!told.endsWith("}")) {
      const { value } = await reader.read();
      if (value === undefined) break;
      told += new TextDecoder().decode(value);
    }
    const limits = readFileSync(`/proc/${child.pid}/limits`, "utf8");
    return { ...JSON.parse(told), limits, isReadable: canRead(`/proc/${child.pid}/environ`) };
  } finally {
    await child.stdin.end();
    await child.exited;
  }
}

function canRead(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}

test.if(onLinux)(
  "a hardened process writes no core file and cannot be read by its own user",
  async () => {
    const found = await look({ isHardened: true });
    expect(found.gaps).toEqual([]);
    expect(found.dumpable).toBe(0);
    expect(found.limits).toMatch(/^Max core file size +0 +0 +bytes/m);
    // Root may read everything.
    expect(found.isReadable).toBe(process.geteuid?.() === 0);
  },
);

test.if(onLinux)("one that is not can be read, so the test above sees a difference", async () => {
  const found = await look({ isHardened: false });
  expect(found.dumpable).toBe(1);
  expect(found.isReadable).toBe(true);
});

test("elsewhere nothing is done, and that is said", async () => {
  expect(await hardenProcess({ platform: "darwin" })).toEqual([
    { step: "core_files", reason: "not supported on darwin" },
    { step: "memory_access", reason: "not supported on darwin" },
  ]);
});
