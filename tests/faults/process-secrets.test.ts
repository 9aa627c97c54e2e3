// The program as a process: what opened the vault is in no child's environment, and no command line takes a secret.

import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configKeys } from "#cli";
import { environment } from "#platform";

const MAIN = join(import.meta.dir, "../../cli/main.ts");

test("a child of a process that opened the vault inherits neither key nor passphrase", () => {
  const home = mkdtempSync(join(tmpdir(), "parley-environ-"));
  const key = randomBytes(32).toString("base64url");
  const dump = join(home, "environ");
  // The program is loaded as it is; what it says before it ends, a child hears.
  const script = join(home, "run.ts");
  writeFileSync(
    script,
    `import { spawnSync } from "node:child_process";
     process.exit = () => {
       spawnSync("/bin/sh", ["-c", "cat /proc/self/environ > '${dump}'"]);
       process.reallyExit(0);
     };
     process.argv = [process.argv[0], "agent", "auth-broker", "unquarantine", "--json"];
     await import(${JSON.stringify(MAIN)});`,
  );
  const { HOME, PATH } = environment();
  const env = {
    HOME,
    PATH,
    PARLEY_HOME: home,
    PARLEY_VAULT_KEY: key,
    PARLEY_VAULT_PASSPHRASE: "not used, and not for children",
    PARLEY_AUTH_BROKER_TOKEN: "",
    UNRELATED: "stays",
  };
  try {
    const { exitCode, stderr } = Bun.spawnSync([process.execPath, script], {
      env,
      stdin: "ignore",
    });
    expect(`${exitCode} ${stderr.toString()}`).toBe("0 ");
    expect(existsSync(join(home, "vault.db"))).toBe(true);
    const inherited = readFileSync(dump, "utf8").split("\0");
    expect(inherited).toContain("UNRELATED=stays");
    expect(inherited.filter((each) => /^PARLEY_VAULT|TOKEN/.test(each))).toEqual([]);
    expect(inherited.join("\n")).not.toContain(key);
  } finally {
    rmSync(home, { recursive: true });
  }
});

test("no secret setting has a flag", () => {
  const secret = configKeys.filter(({ isSecret }) => isSecret);
  expect(secret.length).toBeGreaterThan(2);
  expect(secret.filter(({ flag }) => flag !== undefined).map(({ name }) => name)).toEqual([]);
});
