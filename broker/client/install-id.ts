// A name for this installation that says nothing about it: the broker counts usage per installation, and a
// host name is neither unique nor anybody's business.

import { join } from "node:path";
import { readOrCreatePrivateFile } from "#platform";

/** The id of the installation in a home directory, made on first use. Throws PrivateFileError. */
export function readInstallId(home: string): string {
  const bytes = readOrCreatePrivateFile(join(home, "install-id"), () => `${crypto.randomUUID()}\n`);
  return Buffer.from(bytes).toString("utf8").trim();
}
