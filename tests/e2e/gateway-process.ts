// A gateway in a process of its own, for tests that kill one: its home is the argument, its address the only output.

import { configKeys } from "#cli";
import { startGateway } from "#gateway";
import { createLogger, loadConfig } from "#platform";

const [home = ""] = process.argv.slice(2);
const env = { PARLEY_HOME: home };
const gateway = await startGateway({
  config: loadConfig({
    keys: configKeys,
    env,
    cwd: home,
    flags: { "--gateway-bind": "127.0.0.1:0" },
  }),
  env,
  log: createLogger({ level: "silent", write: () => {} }),
  credentials: { entries: () => [], fresh: () => Promise.reject(new Error("there is none")) },
  environmentKeys: new Map(),
});
process.stdout.write(`${gateway.url}\n`);
