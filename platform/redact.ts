// The last gate before text leaves for a log or an error: whatever looks like a secret, or is known
// to be one, becomes [redacted]. Prefers to hide too much; every pattern runs in linear time, because
// the text may come from an attacker. Refuses to be the only defence: secrets should not get here.

const MARK = "[redacted]";

/** Shorter values are not registered: they would blank ordinary words. */
export const MIN_REGISTERED_SECRET_LENGTH = 8;

// Token shapes that issuers publish, plus ours (short lower-case prefix + 32 random bytes).
const TOKEN_SHAPES = [
  String.raw`sk-[\w-]{8,}`,
  String.raw`[sr]k_(?:live|test)_\w{8,}`,
  String.raw`AIza[\w-]{16,}`,
  String.raw`ya29\.[\w-]{16,}`,
  String.raw`1\/\/0[\w-]{16,}`,
  String.raw`GOCSPX-[\w-]{16,}`,
  String.raw`gh[a-z]_\w{16,}`,
  String.raw`github_pat_\w{16,}`,
  String.raw`glpat-[\w-]{16,}`,
  String.raw`(?:xox[a-z]|xapp)-[\w-]{8,}`,
  String.raw`(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}`,
  String.raw`gsk_\w{16,}`,
  String.raw`xai-[\w-]{16,}`,
  String.raw`pplx-[\w-]{16,}`,
  String.raw`hf_\w{16,}`,
  String.raw`npm_\w{30,}`,
  // A JWT, whole or cut off, and any other base64url JSON: the first segment is enough.
  String.raw`eyJ[\w-]{12,}(?:\.[\w-]*){0,4}`,
  String.raw`(?<![\w-])(?=[\w-]*[A-Z])(?=[\w-]*\d)[a-z][a-z0-9]{1,15}[_-][\w-]{43}(?![\w-])`,
].join("|");

const SECRET_NAMES = String.raw`api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|secret|password|passwd|passphrase|[a-z]token|[_-]token|authorization|cookie`;

const RULES: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}-----|$)/g, MARK],
  // "name":"value" at any depth of JSON-in-JSON escaping, up to the quote of the same depth.
  [
    new RegExp(
      String.raw`(\\{0,8}["'])([\w-]{0,64}?(?:${SECRET_NAMES}|\btoken|\bkey))\1(\s*:\s*)\1[\s\S]*?(?:(?<!\\)\1|$)`,
      "gi",
    ),
    `$1$2$1$3$1${MARK}$1`,
  ],
  // ["x-api-key","value"]: headers printed as pairs.
  [
    /(["'])((?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]{0,32}(?:key|token)|api-key)\1\s*,\s*(["'])(?:(?!\3)[^\\]|\\.)*(?:\3|$)/gi,
    `$1$2$1,$3${MARK}$3`,
  ],
  [
    /\b(Bearer|Basic)(\s+)(?!(?:tokens?|auth|authentication|authorization|credentials?|headers?|scheme|or|and|is|in|with|from|for)(?![\w.~+/=-]))[\w.~+/=-]+/gi,
    `$1$2${MARK}`,
  ],
  // Header lines whose value may hold spaces, commas and quotes run to the end of the line.
  [
    /((?:authorization|cookie)\s*[:=]\s*)(?!\s|(?:Bearer|Basic)\s+\[redacted\]|\[redacted\]|\\{0,8}["'])[^\r\n]+/gi,
    `$1${MARK}`,
  ],
  // name=value, name: value, name: "value" outside JSON; a bare "token:" only before a long value.
  [
    new RegExp(
      String.raw`((?:${SECRET_NAMES})\s*[:=]\s*|\btoken\s*=\s*|\btoken\s*:\s*(?=["']?[\w.~+/=-]{12})|[?&#](?:key|code|sig|signature|token)=)(?!\[redacted\]|(?:Bearer|Basic)\s)("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s"'&,;)\]}]+)`,
      "gi",
    ),
    `$1${MARK}`,
  ],
  [/(:\/\/)[^\s/?#"'<>]*@/g, `$1${MARK}@`],
  [new RegExp(String.raw`(?<![A-Za-z0-9])(?:${TOKEN_SHAPES})`, "g"), MARK],
];

// Nearly all text is clean: one look for the beginnings of the rules above spares running them.
const SUSPECT =
  /bearer|basic|authori|cookie|key|secret|passw|passphrase|token|code=|sig|:\/\/|begin|[sr]k[-_]|aiza|ya29|1\/\/0|gocspx|gh[a-z]_|github_|glpat|xox|xapp|a[ksbc][ic]a|xai-|pplx-|hf_|npm_|eyj|[\w-]{45}/i;

const known = new Set<string>();
let knownLongestFirst: readonly string[] = [];

/** How many secrets are known by value; a result of redact() may be kept while this stays the same. */
export function knownSecretCount(): number {
  return known.size;
}

/** Makes every later redact() hide this exact value, also where JSON or a URL has escaped it. */
export function registerSecret(value: string): void {
  if (value.length < MIN_REGISTERED_SECRET_LENGTH || known.has(value)) return;
  known.add(value);
  known.add(JSON.stringify(value).slice(1, -1));
  known.add(encodeURIComponent(value.toWellFormed()));
  knownLongestFirst = [...known].toSorted((a, b) => b.length - a.length);
}

/** The text with every known or secret-looking part replaced by `[redacted]`. */
export function redact(text: string): string {
  if (text.length < MIN_REGISTERED_SECRET_LENGTH) return text;
  let safe = text;
  for (const secret of knownLongestFirst) {
    if (safe.includes(secret)) safe = safe.replaceAll(secret, MARK);
  }
  if (!SUSPECT.test(safe)) return safe;
  for (const [pattern, replacement] of RULES) safe = safe.replace(pattern, replacement);
  return safe;
}

const SECRET_FIELD =
  /(?:apikey|accesskey|secretkey|privatekey|secrets?|password|passwd|passphrase|tokens?|authorization|cookies?)$/;

/** True when a field of this name should never be shown, whatever it holds: `apiKey`, `x-api-key`, `refresh_token`. */
export function isSecretName(name: string): boolean {
  const plain = name.toLowerCase().replace(/[^a-z]/g, "");
  return plain === "key" || SECRET_FIELD.test(plain);
}
