// Runs before every test file: a poisoned prototype anywhere in the code under test must throw, not spread.

// Bun loads these lazily and assigns to what they inherit, which a frozen prototype forbids.
import "node:crypto";
import "node:events";
import "node:stream";
// Comes with the OpenID server of tests/oauth, and does the same.
import "cookies";

Object.freeze(Object.prototype);
