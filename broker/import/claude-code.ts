// Claude Code's `.credentials.json`: the grant of a Claude plan in `claudeAiOauth`. It names no account.

import { z } from "zod";
import {
  ExpiryMs,
  grant,
  type Importer,
  OptionalText,
  readThrough,
  TokenText,
} from "./importer.ts";

const CredentialsFile = z.object({
  claudeAiOauth: z.object({
    accessToken: TokenText,
    refreshToken: TokenText,
    expiresAt: ExpiryMs,
    subscriptionType: OptionalText,
  }),
});

/** https://docs.claude.com/en/docs/claude-code/iam */
export const claudeCode: Importer = {
  name: "Claude Code",

  recognizes(json) {
    return Object.hasOwn(json, "claudeAiOauth");
  },

  read(json) {
    return readThrough(CredentialsFile, json, ({ claudeAiOauth: file }) => {
      const tokens = {
        access: file.accessToken,
        refresh: file.refreshToken,
        expires: file.expiresAt,
      };
      const credential = grant(tokens, { subscriptionType: file.subscriptionType });
      return [{ provider: "anthropic", credential, isDisabled: false }];
    });
  },
};
