// The versions that `npm run test:clients` installs, in one place. Exact, because a client that changes its requests
// overnight must change this file too, and the page that says what was tried.

/** Versions by package, each with why it is this one. */
export const CLIENT_VERSIONS = {
  /** The newest when this was written; its binaries come as optional packages of the registry. */
  "@anthropic-ai/claude-code": "2.1.330",
  /** The newest when this was written; its binaries are versions of the same package. */
  "@openai/codex": "0.169.0",
  /** The newest when this was written; its binaries come as optional packages of the registry. */
  "opencode-ai": "1.18.33",
  /** The last under this name, and the last that runs on Node 20, which is all that Parley asks for. */
  "@mariozechner/pi-coding-agent": "0.73.1",
} as const;
