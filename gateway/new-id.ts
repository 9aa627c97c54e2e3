// Names for requests and answers. Refuses to ask the system for randomness each time: it asks for many names' worth.

import { randomFillSync } from "node:crypto";

/** Random bytes of one name. */
const ID_BYTES = 12;
const pool = Buffer.alloc(ID_BYTES * 512);
let at = pool.length;

/** 24 characters of [a-f0-9], as the dialects' ids look; 96 random bits. */
export function newId(): string {
  if (at === pool.length) {
    randomFillSync(pool);
    at = 0;
  }
  const id = pool.toString("hex", at, at + ID_BYTES);
  at += ID_BYTES;
  return id;
}
