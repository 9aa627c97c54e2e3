// A broker's refresher as a process that a test may stop, freeze and kill. Says "ready" when its vault is open,
// begins at the first byte of standard input (ends when there is none), prints the access tokens it got and ends. SIGTERM drains it.

import { parseArgs } from "node:util";
import { createLogger } from "#platform";
import { Refresher } from "../../broker/refresh/refresher.ts";
import { Vault } from "../../broker/vault/vault.ts";
import { numberOf } from "./peer-arguments.ts";
import { PROVIDER, providerAt } from "./refresh-under-test.ts";

const { values } = parseArgs({
  options: {
    home: { type: "string", default: "" },
    "token-endpoint": { type: "string", default: "" },
    id: { type: "string", multiple: true, default: [] },
    "fresh-ms": { type: "string" },
    times: { type: "string", default: "1" },
  },
});

const freshMs = values["fresh-ms"];
const vault = Vault.open(values.home);
const provider = providerAt(values["token-endpoint"]);
const refresher = new Refresher({
  vault,
  home: values.home,
  env: {},
  providers: (id) => (id === PROVIDER ? provider : undefined),
  log: createLogger({ level: "silent" }),
  ...(freshMs !== undefined && { freshMs: numberOf(freshMs) }),
});
process.on("SIGTERM", async () => {
  await refresher.stop();
  vault.close();
  process.stdout.write("drained\n");
  process.exit(0);
});

process.stdout.write("ready\n");
const { done } = await Bun.stdin.stream().getReader().read();
if (done) process.exit(0);
const ids = values.id.map(numberOf);
const rounds = Array.from({ length: numberOf(values.times) }, () => ids).flat();
const stored = await Promise.all(rounds.map((id) => refresher.refresh(id)));
const tokens = stored.map(({ credential }) =>
  credential.type === "oauth" ? credential.access : "",
);
process.stdout.write(`${JSON.stringify(tokens)}\n`);
process.exit(0);
