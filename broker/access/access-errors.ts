// The errors of tokens, scopes and the audit log. No message holds a token or a part of one.

import { BrokerError } from "../errors.ts";

/** A name, permission, scope or time for a client token was refused; nothing was changed. */
export class AccessInputError extends BrokerError {}

/** The audit record could not be made durable, so what it was about must not happen. */
export class AuditUnavailable extends BrokerError {
  constructor(problem: string, { cause }: { cause?: unknown } = {}) {
    super("audit_unavailable", `the audit log cannot be written: ${problem}`, {
      fix: "Look at the disk that holds audit.db, and at whatever else has it open; secrets are given out again as soon as it can be written.",
      cause,
    });
  }
}

/** The audit log is not the one that was written: its end was cut off, or replaced. */
export class AuditBroken extends BrokerError {
  constructor(problem: string) {
    super("audit_broken", `the audit log was altered: ${problem}`, {
      fix: "Keep audit.db and audit.head as evidence: move both away, and a new log begins. `agent auth-broker audit --verify` says more.",
    });
  }
}
