// The one place that knows which release this is. Refuses to keep a second copy of package.json's number.

import packageJson from "../package.json" with { type: "json" };

/** This release, as in package.json. */
export const VERSION: string = packageJson.version;
