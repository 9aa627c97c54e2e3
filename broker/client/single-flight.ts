// One call in the air per key, shared by everyone who asks meanwhile. A caller that gives up leaves alone;
// the call goes on for the others.

/** Shares calls by key. */
export class SingleFlight<K, T> {
  readonly #inFlight = new Map<K, Promise<T>>();

  /** The result of the call in flight for `key`, or of a new one; `signal` ends only this caller's wait. */
  run(key: K, start: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const call = this.#inFlight.get(key) ?? this.#start(key, start);
    return signal ? unlessAborted(call, signal) : call;
  }

  /** Lets later callers start anew, whatever is in flight. */
  forget(key: K): void {
    this.#inFlight.delete(key);
  }

  #start(key: K, start: () => Promise<T>): Promise<T> {
    const call = start().finally(() => {
      if (this.#inFlight.get(key) === call) this.#inFlight.delete(key);
    });
    this.#inFlight.set(key, call);
    // Everyone may have left by the time it fails.
    call.catch(() => {});
    return call;
  }
}

function unlessAborted<T>(call: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const leave = () => reject(signal.reason);
  if (signal.aborted) leave();
  signal.addEventListener("abort", leave, { once: true });
  call.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  return promise;
}
