// The Gemini CLI's `oauth_creds.json`: a Google grant as Google's client library writes it.

import { z } from "zod";
import { claimsOf, ExpiryMs, grant, type Importer, readThrough, TokenText } from "./importer.ts";

const CredentialsFile = z.object({
  access_token: TokenText,
  refresh_token: TokenText,
  expiry_date: ExpiryMs,
  // Text in files, but nothing here depends on it.
  id_token: z.unknown(),
});

/** https://github.com/google-gemini/gemini-cli */
export const geminiCli: Importer = {
  name: "Gemini CLI",

  recognizes(json) {
    // Qwen Code writes the same with a resource_url; its grants are of another provider.
    const isOther = ["type", "resource_url"].some((key) => Object.hasOwn(json, key));
    return !isOther && "access_token" in json && "expiry_date" in json;
  },

  read(json) {
    return readThrough(CredentialsFile, json, (file) => {
      const claims = claimsOf(typeof file.id_token === "string" ? file.id_token : undefined);
      const tokens = {
        access: file.access_token,
        refresh: file.refresh_token,
        expires: file.expiry_date,
      };
      const credential = grant(tokens, {
        email: typeof claims["email"] === "string" ? claims["email"] : undefined,
        accountId: typeof claims["sub"] === "string" ? claims["sub"] : undefined,
      });
      return [{ provider: "google-gemini-cli", credential, isDisabled: false }];
    });
  },
};
