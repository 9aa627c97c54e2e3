// The UUID that some providers want to know an installation by. It says nothing about the machine or the person,
// and deleting its file makes a new one.

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { ensurePrivateDirectory, readOrCreatePrivateFile } from "#platform";
import { z } from "zod";

/** The UUID of this home directory's installation, made on first use. */
export function installId(home: string): string {
  ensurePrivateDirectory(home);
  const path = join(home, "install-id");
  const bytes = readOrCreatePrivateFile(path, () => `${randomUUID()}\n`);
  const id = z.uuid().safeParse(new TextDecoder().decode(bytes).trim());
  // Nothing depends on its staying the same: a file that was spoilt is as good as none.
  return id.success ? id.data : randomUUID();
}
