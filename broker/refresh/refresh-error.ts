// Why a credential was not refreshed, as stable codes; no message quotes what the provider said.

import { BrokerError } from "../errors.ts";

/** Why a refresh did not end in a new access token. */
export type RefreshErrorCode =
  | "credential_unknown"
  | "not_oauth"
  | "provider_unreachable"
  | "quarantined"
  | "refresh_backing_off"
  | "refresh_not_possible"
  | "refresh_rejected"
  | "refresher_stopped";

/** A refresh failed; what the vault holds is still what it was, or a tombstone after `refresh_rejected`. */
export class RefreshError extends BrokerError {
  declare readonly code: RefreshErrorCode;
  /** When the next try may be made, in ms since the epoch; for `refresh_backing_off` and what leads to it. */
  readonly retryAtMs: number | undefined;

  constructor(
    code: RefreshErrorCode,
    message: string,
    { retryAtMs, ...options }: { fix?: string; cause?: unknown; retryAtMs?: number } = {},
  ) {
    super(code, message, options);
    this.retryAtMs = retryAtMs;
  }
}
