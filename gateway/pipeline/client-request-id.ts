// The name a caller gives its own request. Kept beside ours, so that either finds the request; never taken for ours,
// because two callers may choose the same one.

/** Longest request id of somebody else's that is kept, in characters. */
export const MAX_REQUEST_ID_CHARS = 128;
const WELL_FORMED = new RegExp(`^[\\x21-\\x7e]{1,${MAX_REQUEST_ID_CHARS}}$`);

/** The caller's id; undefined without one, and for one that is too long or not visible ASCII. */
export function clientRequestId(headers: Headers): string | undefined {
  const id = headers.get("x-request-id") ?? headers.get("request-id");
  return id !== null && WELL_FORMED.test(id) ? id : undefined;
}
