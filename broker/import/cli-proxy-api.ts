// CLIProxyAPI's files, one per account: `{"type": "claude", "access_token": …, "refresh_token": …, "expired": …}`;
// of Google accounts the tokens are in `token`.

import type { JsonObject } from "#wire";
import { z } from "zod";
import {
  ExpiryText,
  type FoundCredential,
  grant,
  type Importer,
  OptionalText,
  readThrough,
  TokenText,
} from "./importer.ts";

/** Their `type` → our provider. */
const PROVIDERS: Readonly<Record<string, string>> = {
  claude: "anthropic",
  codex: "openai-codex",
  gemini: "google-gemini-cli",
  "gemini-cli": "google-gemini-cli",
  antigravity: "google-antigravity",
};

const Type = z.string().transform((type, context) => {
  const provider = Object.hasOwn(PROVIDERS, type) ? PROVIDERS[type] : undefined;
  if (provider !== undefined) return provider;
  const known = Object.keys(PROVIDERS).join(", ");
  context.addIssue({ code: "custom", message: `is none that can be imported (${known})` });
  return z.NEVER;
});

const Account = {
  type: Type,
  email: OptionalText,
  account_id: OptionalText,
  project_id: OptionalText,
  disabled: z.boolean().nullish(),
};

const Flat = z.object({
  ...Account,
  access_token: TokenText,
  refresh_token: TokenText,
  expired: ExpiryText,
});

const Nested = z.object({
  ...Account,
  token: z.object({ access_token: TokenText, refresh_token: TokenText, expiry: ExpiryText }),
});

/** https://github.com/router-for-me/CLIProxyAPI (internal/auth) */
export const cliProxyApi: Importer = {
  name: "CLIProxyAPI",

  recognizes(json) {
    return typeof json["type"] === "string" && hasTokens(json);
  },

  read(json) {
    return "token" in json
      ? readThrough(Nested, json, fromNested)
      : readThrough(Flat, json, fromFlat);
  },
};

function hasTokens(json: JsonObject): boolean {
  return ["access_token", "refresh_token", "token"].some((key) => Object.hasOwn(json, key));
}

function fromFlat(file: z.output<typeof Flat>): FoundCredential[] {
  const tokens = { access: file.access_token, refresh: file.refresh_token, expires: file.expired };
  return [found(file, tokens)];
}

function fromNested({ token, ...file }: z.output<typeof Nested>): FoundCredential[] {
  const tokens = {
    access: token.access_token,
    refresh: token.refresh_token,
    expires: token.expiry,
  };
  return [found(file, tokens)];
}

function found(
  { type, email, account_id, project_id, disabled }: Omit<z.output<typeof Nested>, "token">,
  tokens: Parameters<typeof grant>[0],
): FoundCredential {
  const account = { email, accountId: account_id, projectId: project_id };
  return { provider: type, credential: grant(tokens, account), isDisabled: disabled === true };
}
