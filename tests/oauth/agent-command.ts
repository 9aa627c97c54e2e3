// `agent` as a process of its own, with a home of its own and what it prints caught. Refuses a display: whatever
// it would open in a browser, it prints.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const MAIN = join(dirname(dirname(import.meta.dir)), "cli", "main.ts");

/** A run of `agent`. */
export interface AgentRun {
  readonly pid: number;
  /** Everything printed so far, both streams. */
  readonly output: () => string;
  /** The first match in what is printed; rejects when the process ends without one. */
  sees(pattern: RegExp): Promise<string>;
  readonly exited: Promise<number>;
  kill(signal: NodeJS.Signals): void;
}

/** A home directory with a configuration, and the way to run commands in it. */
export class AgentHome implements Disposable {
  readonly #root = mkdtempSync(join(tmpdir(), "parley-login-"));
  /** What PARLEY_HOME names. */
  readonly path = join(this.#root, "parley");

  constructor(config: unknown = {}) {
    mkdirSync(this.path, { mode: 0o700 });
    // JSON is YAML.
    writeFileSync(join(this.path, "config.yml"), JSON.stringify(config), { mode: 0o600 });
  }

  run(
    args: readonly string[],
    { env = {}, stdin = "" }: { env?: Readonly<Record<string, string>>; stdin?: string } = {},
  ): AgentRun {
    const child = Bun.spawn([process.execPath, MAIN, ...args], {
      cwd: this.path,
      env: { PATH: "/usr/bin:/bin", HOME: this.#root, PARLEY_HOME: this.path, ...env },
      stdin: new TextEncoder().encode(stdin),
      stdout: "pipe",
      stderr: "pipe",
    });
    let text = "";
    const waiting = new Set<() => void>();
    const collect = async (stream: ReadableStream<Uint8Array>) => {
      const decoder = new TextDecoder();
      for await (const chunk of stream) {
        text += decoder.decode(chunk, { stream: true });
        for (const look of waiting) look();
      }
    };
    const read = Promise.all([collect(child.stdout), collect(child.stderr)]);
    const exited = Promise.all([child.exited, read]).then(([code]) => code);
    return {
      pid: child.pid,
      output: () => text,
      exited,
      kill: (signal) => child.kill(signal),
      sees: (pattern) => {
        const { promise, resolve, reject } = Promise.withResolvers<string>();
        const look = () => {
          const found = pattern.exec(text);
          if (found) resolve(found[1] ?? found[0]);
        };
        waiting.add(look);
        void exited.then(() => reject(new Error(`ended without ${pattern}: ${text}`)));
        look();
        return promise;
      },
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.#root, { recursive: true });
  }
}
