// Writes docs/reference from the configuration keys; tests/reference.test.ts fails when it was forgotten.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { renderReference } from "#cli";

for (const [file, content] of Object.entries(renderReference())) {
  writeFileSync(join(import.meta.dir, "reference", file), content);
}
