// The importers, loaded when somebody imports: their schemas are a tenth of the time a broker takes to start.

import type { ImportItem, ImportOptions } from "./import-credentials.ts";

export type { ImportItem, ImportOptions } from "./import-credentials.ts";

/** See import-credentials.ts. */
export async function importCredentials(
  path: string,
  options: ImportOptions,
): Promise<ImportItem[]> {
  const importing = await import("./import-credentials.ts");
  return importing.importCredentials(path, options);
}
