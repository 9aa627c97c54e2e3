// Waits for several processes, but not for one that does not answer.

/** Resolves when all have settled, or after `timeoutMs`; never rejects. */
export async function settledWithin(
  promises: readonly Promise<unknown>[],
  timeoutMs: number,
): Promise<void> {
  const { promise: isOver, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, timeoutMs);
  await Promise.race([Promise.allSettled(promises), isOver]);
  clearTimeout(timer);
}
