// What others on the same machine could do to a private file, tried on real files.

import { afterAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ensurePrivateDirectory,
  MAX_PRIVATE_FILE_BYTES,
  PrivateFileError,
  readOrCreatePrivateFile,
  readPrivateFile,
  writePrivateFile,
} from "./private-file.ts";

const root = mkdtempSync(join(tmpdir(), "private-file-"));
afterAll(() => rmSync(root, { recursive: true }));

let made = 0;
function scratch(): string {
  made += 1;
  const path = join(root, `case-${made}`);
  mkdirSync(path, { mode: 0o700 });
  return path;
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o7777;
}

function refusalOf(action: () => unknown): PrivateFileError {
  try {
    action();
  } catch (error) {
    if (error instanceof PrivateFileError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

/** A file of another user: made by root, or one that is there on every Unix. */
function foreignFile(): string {
  if (process.geteuid?.() !== 0) return "/etc/passwd";
  const path = join(scratch(), "foreign");
  writeFileSync(path, "x", { mode: 0o600 });
  chownSync(path, 12_345, 12_345);
  return path;
}

describe("directories", () => {
  test("a new directory and its new parents are closed to others", () => {
    const path = join(scratch(), "a", "b");
    ensurePrivateDirectory(path);
    expect([modeOf(path), modeOf(join(path, ".."))]).toEqual([0o700, 0o700]);
  });

  test("an existing directory that others can enter is closed", () => {
    const path = scratch();
    chmodSync(path, 0o755);
    ensurePrivateDirectory(path);
    expect(modeOf(path)).toBe(0o700);
  });

  test("a shared directory like /tmp is refused and left as it is", () => {
    const path = scratch();
    chmodSync(path, 0o1777);
    expect(refusalOf(() => ensurePrivateDirectory(path)).code).toBe("insecure_permissions");
    expect(modeOf(path)).toBe(0o1777);
  });

  test("a symbolic link is refused, also with a trailing slash", () => {
    const link = join(scratch(), "link");
    symlinkSync(scratch(), link);
    expect(refusalOf(() => ensurePrivateDirectory(link)).code).toBe("symbolic_link");
    expect(refusalOf(() => ensurePrivateDirectory(`${link}/`)).code).toBe("symbolic_link");
  });

  test("a file in the directory's place is a typed error", () => {
    const path = join(scratch(), "file");
    writeFileSync(path, "");
    expect(refusalOf(() => ensurePrivateDirectory(path)).code).toBe("io_failed");
  });
});

describe("writing", () => {
  test("a written file is 0600 whatever the umask, and holds exactly the bytes", () => {
    const umask = process.umask(0);
    try {
      const path = join(scratch(), "deep", "token");
      writePrivateFile(path, new Uint8Array([0, 255, 10]));
      expect(modeOf(path)).toBe(0o600);
      expect([...readFileSync(path)]).toEqual([0, 255, 10]);
    } finally {
      process.umask(umask);
    }
  });

  test("replacing leaves no temporary file and closes a file that was open to others", () => {
    const directory = scratch();
    const path = join(directory, "token");
    writeFileSync(path, "old", { mode: 0o644 });
    writePrivateFile(path, "new");
    expect(readdirSync(directory)).toEqual(["token"]);
    expect([readFileSync(path, "utf8"), modeOf(path)]).toEqual(["new", 0o600]);
  });

  test("a symbolic link is neither followed nor replaced", () => {
    const target = join(scratch(), "target");
    writeFileSync(target, "theirs");
    const link = join(scratch(), "link");
    symlinkSync(target, link);
    expect(refusalOf(() => writePrivateFile(link, "ours")).code).toBe("symbolic_link");
    expect(readFileSync(target, "utf8")).toBe("theirs");
  });

  test("a failed write names the path and leaves nothing behind", () => {
    const directory = scratch();
    mkdirSync(join(directory, "taken"));
    const refusal = refusalOf(() => writePrivateFile(join(directory, "taken"), "x"));
    expect(refusal.code).toBe("io_failed");
    expect(refusal.message).toContain(join(directory, "taken"));
    expect(refusal.cause).toBeInstanceOf(Error);
    expect(readdirSync(directory)).toEqual(["taken"]);
  });
});

describe("reading", () => {
  test("an absent file reads as undefined", () => {
    expect(readPrivateFile(join(scratch(), "none"))).toBeUndefined();
  });

  test("a file that others can read is refused with the command that fixes it", () => {
    const path = join(scratch(), "it's a token");
    writeFileSync(path, "x");
    chmodSync(path, 0o640);
    const refusal = refusalOf(() => readPrivateFile(path));
    expect(refusal.code).toBe("insecure_permissions");
    expect(refusal.message).toContain(`chmod 600 '${path.replace("'", `'\\''`)}'`);
  });

  test("a symbolic link is refused", () => {
    const directory = scratch();
    writePrivateFile(join(directory, "real"), "x");
    symlinkSync(join(directory, "real"), join(directory, "link"));
    expect(refusalOf(() => readPrivateFile(join(directory, "link"))).code).toBe("symbolic_link");
  });

  test("a FIFO is refused instead of waited for", () => {
    const path = join(scratch(), "fifo");
    Bun.spawnSync(["mkfifo", "-m", "600", path]);
    expect(refusalOf(() => readPrivateFile(path)).code).toBe("wrong_kind");
  });

  test("another user's file is refused", () => {
    expect(refusalOf(() => readPrivateFile(foreignFile())).code).toBe("wrong_owner");
  });

  test("a file above the size limit is refused before it is read", () => {
    const path = join(scratch(), "big");
    writePrivateFile(path, new Uint8Array(MAX_PRIVATE_FILE_BYTES + 1));
    expect(refusalOf(() => readPrivateFile(path)).code).toBe("too_large");
  });
});

describe("reading or creating", () => {
  test("the content is created once and then read", () => {
    const path = join(scratch(), "sub", "key");
    const first = readOrCreatePrivateFile(path, () => "first");
    const second = readOrCreatePrivateFile(path, () => {
      throw new Error("created twice");
    });
    expect(Buffer.from(first).toString()).toBe("first");
    expect(second).toEqual(first);
    expect(readdirSync(join(path, ".."))).toEqual(["key"]);
  });

  test("whoever loses the race returns the winner's bytes", () => {
    const path = join(scratch(), "key");
    const lost = readOrCreatePrivateFile(path, () => {
      writePrivateFile(path, "winner");
      return "loser";
    });
    expect(Buffer.from(lost).toString()).toBe("winner");
    expect(readdirSync(join(path, ".."))).toEqual(["key"]);
  });

  test("processes that start at once all get the same bytes", async () => {
    const path = join(scratch(), "key");
    const source = `
      import { readOrCreatePrivateFile } from ${JSON.stringify(join(import.meta.dir, "private-file.ts"))};
      const bytes = readOrCreatePrivateFile(${JSON.stringify(path)}, () => crypto.randomUUID());
      process.stdout.write(bytes);
    `;
    const racers = [1, 2, 3, 4].map(() => Bun.spawn([process.execPath, "-e", source]));
    const seen = await Promise.all(racers.map((racer) => new Response(racer.stdout).text()));
    expect(new Set(seen)).toEqual(new Set([readFileSync(path, "utf8")]));
  });

  test("a key that others can read is refused, not replaced", () => {
    const path = join(scratch(), "key");
    writeFileSync(path, "open", { mode: 0o644 });
    const refusal = refusalOf(() => readOrCreatePrivateFile(path, () => "new"));
    expect(refusal.code).toBe("insecure_permissions");
    expect(readFileSync(path, "utf8")).toBe("open");
  });
});
