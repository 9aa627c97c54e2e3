// The reference, the JSON schema and the help options all say what the definitions say.

import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { defineKey } from "./config-key.ts";
import { configJsonSchema, configOptions, configReference } from "./config-reference.ts";

const KEYS = [
  defineKey({
    name: "server.bind",
    schema: z.string(),
    default: "127.0.0.1:0",
    doc: "Where to listen.",
    env: "PARLEY_SERVER_BIND",
    flag: "--server-bind",
    placeholder: "<host:port>",
    project: "refused",
  }),
  defineKey({
    name: "server.limits.bytes",
    schema: z.int().min(1),
    default: 10,
    doc: "Largest body | in bytes.",
    flag: "--max-bytes",
    project: { isTighter: (operator: number, project: number) => project < operator },
  }),
  defineKey({
    name: "server.verbose",
    schema: z.boolean(),
    default: false,
    doc: "Say more.",
    flag: "--verbose",
    project: "chosen",
  }),
  defineKey({
    name: "server.password",
    schema: z.string(),
    default: "canary",
    doc: "Asked of clients.",
    project: "refused",
    isSecret: true,
  }),
  defineKey({
    name: "peers",
    schema: z.record(
      z.string(),
      z.strictObject({
        url: z.string().describe("Where it is."),
        apiKey: z.string().meta({ writeOnly: true, description: "Its key." }).optional(),
      }),
    ),
    default: {},
    doc: "Other servers.",
    project: "refused",
  }),
];

describe("the reference page", () => {
  const page = configReference(KEYS, { regenerate: "npm run docs" });

  test("its first line says that it is generated, and how", () => {
    expect(page.split("\n")[0]).toMatch(/^<!-- Generated .*npm run docs -->$/);
  });

  test("each setting is a row in the table of its group", () => {
    expect(page).toContain("\n## server\n");
    expect(page).toContain(
      "| `server.bind` | text | `127.0.0.1:0` | `PARLEY_SERVER_BIND` | `--server-bind <host:port>` | refused | Where to listen. |",
    );
    expect(page).toContain("| may only tighten | Largest body \\| in bytes. |");
    expect(page).toContain("| chosen | Say more. |");
  });

  test("what stands inside a map's entries has a table of its own", () => {
    expect(page).toContain("Inside `peers.<name>`:");
    expect(page).toContain("| `url` | text | yes | Where it is. |");
    expect(page).toContain("| `apiKey` | text | no | Its key. Secret: never printed. |");
  });

  test("the default of a secret does not appear in any form", () => {
    const everything = [page, configJsonSchema(KEYS), configOptions(KEYS)];
    expect(JSON.stringify(everything)).not.toMatch(/"default":"canary"|`canary`|default: canary/);
  });

  test("the same definitions give the same bytes", () => {
    expect(configReference(KEYS, { regenerate: "npm run docs" })).toBe(page);
  });
});

describe("the JSON schema", () => {
  const schema = configJsonSchema(KEYS);

  test("it nests as a file does and allows no other key at any level", () => {
    expect(schema).toMatchObject({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      additionalProperties: false,
      properties: {
        server: {
          additionalProperties: false,
          properties: {
            bind: { type: "string", default: "127.0.0.1:0", description: "Where to listen." },
            limits: { additionalProperties: false, properties: { bytes: { minimum: 1 } } },
            password: { type: "string", writeOnly: true },
          },
        },
        peers: { additionalProperties: { additionalProperties: false, required: ["url"] } },
      },
    });
  });

  test("only the root names the dialect", () => {
    expect(JSON.stringify(schema).match(/\$schema/g)).toHaveLength(1);
  });
});

test("help options come in commander's syntax, with the default in words", () => {
  const options = configOptions(KEYS).map(({ flags, description }) => [flags, description]);
  expect(options).toEqual([
    ["--server-bind <host:port>", "Where to listen. (default: 127.0.0.1:0)"],
    ["--max-bytes <value>", "Largest body | in bytes. (default: 10)"],
    ["--verbose", "Say more. (default: false)"],
  ]);
});
