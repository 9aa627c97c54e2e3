// Lets polls through a few at a time, and one at a time per host: what answers twenty questions at once with a
// refusal answers them one after the other. Refuses to order anything else: first come, first served per host.

/** Polls under way at once, over all hosts. */
export const MAX_POLLS_AT_ONCE = 4;

interface Waiting {
  readonly host: string;
  readonly start: () => Promise<void>;
}

/** A queue of polls. */
export class PollQueue {
  readonly #waiting: Waiting[] = [];
  readonly #busyHosts = new Set<string>();

  /** Runs a poll when its turn comes; settles as it does. */
  run(host: string, poll: () => Promise<void>): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ host, start: () => poll().then(resolve, reject) });
    this.#startNext();
    return promise;
  }

  #startNext(): void {
    if (this.#busyHosts.size >= MAX_POLLS_AT_ONCE) return;
    const index = this.#waiting.findIndex(({ host }) => !this.#busyHosts.has(host));
    const [next] = index < 0 ? [] : this.#waiting.splice(index, 1);
    if (next === undefined) return;
    this.#busyHosts.add(next.host);
    void next.start().finally(() => {
      this.#busyHosts.delete(next.host);
      this.#startNext();
    });
    this.#startNext();
  }
}
