// How much of the vault one reader is shown: which providers, and how much of their secrets. Readers with equal
// views share one stream of frames, so a view has a key. Refuses to know who the reader is.

import { type Credential, LEASED_KEY, type OAuthCredential, redactCredential } from "#wire";
import type { SeesProvider } from "../vault/change-log.ts";

/**
 * `whole`: API keys and access tokens. `leased`: access tokens only, each key is asked for when it is needed.
 * `none`: no secret at all, for those who may change credentials and not read them.
 */
export type Disclosure = "whole" | "leased" | "none";

/** Providers as a scope names them; what ProviderScope gives. */
interface Scope {
  readonly patterns: readonly string[];
  readonly isAll: boolean;
  sees(provider: string): boolean;
}

/** What one kind of reader is shown. */
export interface View {
  /** Equal for equal views. */
  readonly key: string;
  /** Undefined when nothing is hidden. */
  readonly sees: SeesProvider | undefined;
  readonly disclosure: Disclosure;
}

/** The view of a scope. */
export function viewOf(scope: Scope, disclosure: Disclosure): View {
  const sees = scope.isAll ? undefined : (provider: string) => scope.sees(provider);
  return { key: JSON.stringify([disclosure, ...scope.patterns]), sees, disclosure };
}

/** The credential as a view shows it; a refresh token is never shown. */
export function disclosed(credential: Credential, disclosure: Disclosure): Credential {
  const shown = redactCredential(credential);
  if (disclosure === "whole") return shown;
  if (shown.type === "api_key") return { ...shown, key: LEASED_KEY };
  return disclosure === "leased" ? shown : withoutSecrets(shown);
}

// Extra keys are left out whole: nobody here knows which of them is a client's secret.
function withoutSecrets({ type, refresh, expires, email, accountId }: OAuthCredential): Credential {
  return {
    type,
    refresh,
    access: LEASED_KEY,
    expires,
    ...(email !== undefined && { email }),
    ...(accountId !== undefined && { accountId }),
  };
}
