// Closes the process of a server that holds keys to others of its user, and says in its log what stayed open.

import { hardenProcess, type Logger } from "#platform";

/** No core files, no reading of memory under /proc; before any key is read. */
export async function hardenServer(log: Logger): Promise<void> {
  for (const { step, reason } of await hardenProcess()) {
    log.info("the system leaves a way to look into this process", { step, reason });
  }
}
