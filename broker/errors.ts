// Every error the broker and its client throw on purpose: a stable code, what was wrong and, where
// there is one, the fix. No message ever contains a secret, not even a part of one.

import { redact } from "#platform";

// A reason is one sentence; what is longer was not written for a person.
const MAX_REASON_CHARS = 300;

/** An error of this part; `fix` is one sentence for the operator. */
export class BrokerError extends Error {
  readonly code: string;
  readonly fix: string | undefined;

  constructor(
    code: string,
    message: string,
    { fix, cause }: { fix?: string; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = new.target.name;
    this.code = code;
    this.fix = fix;
  }
}

/** A sealed value is not what was written there: another key, changed bytes, or another row's bytes. */
export class SealBroken extends BrokerError {
  constructor(where: string, { cause }: { cause?: unknown } = {}) {
    super(
      "seal_broken",
      `${where} cannot be opened: it was altered, moved, or sealed by another key`,
      {
        fix: "Restore vault.db and vault.key together from one backup; nothing was changed.",
        cause,
      },
    );
  }
}

/** The master key is absent, malformed, or not the one that sealed this vault. */
export class MasterKeyError extends BrokerError {}

/** The broker could not be asked; `reason` is safe to show. */
export class BrokerUnreachable extends BrokerError {
  constructor(url: string, reason: string, { cause }: { cause?: unknown } = {}) {
    super("broker_unreachable", `the broker at ${url} does not answer: ${reason}`, {
      fix: "Start it with `agent auth-broker serve`, or correct auth.broker.url.",
      cause,
    });
  }
}

/** The broker refused the bearer token. */
export class BrokerUnauthorized extends BrokerError {
  constructor(url: string) {
    super("broker_unauthorized", `the broker at ${url} refused the token`, {
      fix: "Print the right one with `agent auth-broker token` on the broker's host.",
    });
  }
}

/** The broker answered with something that its protocol does not know. */
export class BrokerProtocolError extends BrokerError {
  constructor(url: string, problem: string, { cause }: { cause?: unknown } = {}) {
    super("broker_protocol", `the broker at ${url} gave an unusable answer: ${problem}`, {
      fix: "Check that the URL is a broker's, and that both sides run compatible versions.",
      cause,
    });
  }
}

/**
 * The broker understood the request and refused it; message and `code` are the broker's own, the code
 * `broker_refused` where it gave none.
 */
export class BrokerRefused extends BrokerError {
  readonly status: number;

  constructor(
    url: string,
    status: number,
    message: string,
    { code }: { code?: string | undefined } = {},
  ) {
    const isCode = code !== undefined && /^[a-z][a-z0-9_]{0,63}$/.test(code);
    const reason = redact(message.replace(/\p{Cc}/gu, " ")).slice(0, MAX_REASON_CHARS);
    super(isCode ? code : "broker_refused", `the broker at ${url} answered ${status}: ${reason}`);
    this.status = status;
  }
}

/** A configuration value that names a secret could not be turned into it. */
export class ConfigValueError extends BrokerError {}
