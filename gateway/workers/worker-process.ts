// The program of one worker process: started by the primary, over whose pipe everything comes, and ended with it. Its
// signals are the primary's: a Ctrl-C reaches the whole group, and requests in flight are to be finished.

import { environment } from "#platform";
import { Worker } from "./worker.ts";

for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) process.on(signal, () => {});

const send = process.send?.bind(process);
if (!send) {
  process.stderr.write("This program is started by `agent auth-gateway serve --workers`.\n");
  process.exit(2);
}
const worker = new Worker({ env: environment(), send: (message) => void send(message) });
// Without the primary nobody counts: what is in flight is cut off.
process.on("disconnect", () => process.exit(0));
process.on("message", (message) => worker.receive(message));
worker.introduce();
