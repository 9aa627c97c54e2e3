// The Codex CLI's `auth.json`: an OpenAI API key, a ChatGPT grant in `tokens`, or both.

import { isJsonObject } from "#wire";
import { z } from "zod";
import {
  claimsOf,
  type FoundCredential,
  grant,
  type Importer,
  OptionalText,
  readThrough,
  TokenText,
} from "./importer.ts";

const AuthFile = z.object({
  OPENAI_API_KEY: TokenText.or(z.literal("")).nullish(),
  tokens: z
    .object({
      access_token: TokenText,
      refresh_token: TokenText,
      account_id: OptionalText,
      // Text in files, but nothing here depends on it.
      id_token: z.unknown(),
    })
    .nullish(),
});

/** https://github.com/openai/codex (codex-rs/login) */
export const codexCli: Importer = {
  name: "Codex CLI",

  recognizes(json) {
    const { OPENAI_API_KEY: key, tokens } = json;
    if (Object.hasOwn(json, "type")) return false;
    return typeof key === "string" || (isJsonObject(tokens) && "access_token" in tokens);
  },

  read(json) {
    return readThrough(AuthFile, json, ({ OPENAI_API_KEY: key, tokens }) => [
      ...(key ? [apiKey(key)] : []),
      ...(tokens ? [chatGptGrant(tokens)] : []),
    ]);
  },
};

function apiKey(key: string): FoundCredential {
  return { provider: "openai", credential: { type: "api_key", key }, isDisabled: false };
}

type Tokens = NonNullable<z.output<typeof AuthFile>["tokens"]>;

function chatGptGrant(tokens: Tokens): FoundCredential {
  const { exp } = claimsOf(tokens.access_token);
  const claims = claimsOf(typeof tokens.id_token === "string" ? tokens.id_token : undefined);
  const credential = grant(
    {
      access: tokens.access_token,
      refresh: tokens.refresh_token,
      expires: typeof exp === "number" && exp > 0 ? exp * 1000 : 0,
    },
    {
      email: typeof claims["email"] === "string" ? claims["email"] : undefined,
      accountId: tokens.account_id,
    },
  );
  return { provider: "openai-codex", credential, isDisabled: false };
}
