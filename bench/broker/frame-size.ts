// How large one change is on the wire, so that the reference sends as much as the broker does.

/** Bytes of an `entry` frame's data for an account such as the bench stores. */
export const FRAME_BYTES = 538;
