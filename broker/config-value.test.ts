// A configuration value becomes its secret, or an error that names the variable but never a command.

import { describe, expect, test } from "bun:test";
import { environment } from "#platform";
import { resolveConfigValue, runCommand } from "./config-value.ts";
import { ConfigValueError } from "./errors.ts";

const env = { ...environment(), LAB_KEY: "from-env", EMPTY_KEY: "" };

async function revealed(text: string): Promise<string | undefined> {
  return (await resolveConfigValue(text, env))?.reveal();
}

describe("a configuration value", () => {
  test("that is empty stands for nothing", async () => {
    expect(await revealed("  ")).toBeUndefined();
  });

  test("that names a variable stands for the variable's value", async () => {
    expect(await revealed("LAB_KEY")).toBe("from-env");
  });

  test("that is neither a name nor a command stands for itself", async () => {
    expect(await revealed("sk-literal-1")).toBe("sk-literal-1");
    expect(await revealed("constructor")).toBe("constructor");
  });

  test.each(["MISSING_KEY", "EMPTY_KEY"])(
    "that looks like a variable, %s, which is not set, is an error that names it",
    async (name) => {
      await expect(resolveConfigValue(name, env)).rejects.toThrow(
        `environment variable ${name} is not set`,
      );
    },
  );

  test("that is a command stands for what the command prints, trimmed", async () => {
    expect(await revealed("!printf ' %s\\n' \"$LAB_KEY\"")).toBe("from-env");
  });

  test.each(["!exit 3", "!true", "!echo secret >&2; false", "!/no/such/program"])(
    "whose command fails, %s, is an error that does not repeat it",
    async (text) => {
      const error = await resolveConfigValue(text, env).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(ConfigValueError);
      expect(String(error)).not.toContain(text.slice(1));
      expect(String(error)).not.toContain("secret");
    },
  );
});

describe("a command", () => {
  test("that takes too long is ended, with everything it started", async () => {
    const started = performance.now();
    const running = runCommand("sleep 30 & sleep 30", env, { timeoutMs: 50 });
    await expect(running).rejects.toThrow("took longer than 50 ms");
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test("sees the environment, but not what opens the vault", async () => {
    const secrets = { PARLEY_VAULT_KEY: "k-1", PARLEY_VAULT_PASSPHRASE: "p-1" };
    const printed = await runCommand("env", { ...env, ...secrets });
    expect(printed).toContain("LAB_KEY=from-env");
    expect(printed).not.toMatch(/PARLEY_VAULT/);
  });

  test("that prints without end is ended", async () => {
    await expect(runCommand("yes", env)).rejects.toThrow("printed over 65536 bytes");
  });
});
