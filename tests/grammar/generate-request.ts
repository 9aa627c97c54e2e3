// The strict grammar of requests to Gemini's generateContent: the documented fields, and the rules between them
// that the API enforces (roles, one kind of data per part, responses that answer calls). Also what such a request
// says, for comparison with the conversation it came from.

import {
  type Fields,
  fields,
  fieldsList,
  Findings,
  isFields,
  text,
  type Violation,
} from "./findings.ts";

const NAME = /^[A-Za-z_][A-Za-z0-9_.:-]{0,63}$/;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;
const MEDIA =
  /^(image\/(png|jpeg|webp|heic|heif)|application\/pdf|text\/plain|audio\/(wav|mp3|aiff|aac|ogg|flac))$/;
const DATA = ["text", "inlineData", "fileData", "functionCall", "functionResponse"];
const KEYWORDS = new Set(
  `$id $anchor $ref $defs type format title description enum items prefixItems minItems maxItems minimum maximum
  anyOf oneOf properties additionalProperties required propertyOrdering`.split(/\s+/),
);
const CONFIG = {
  maxOutputTokens: isPositive,
  temperature: (value: unknown) => isBetween(value, 0, 2),
  topP: (value: unknown) => isBetween(value, 0, 1),
  topK: isPositive,
  seed: (value: unknown) => Number.isInteger(value) && isBetween(value, -(2 ** 31), 2 ** 31 - 1),
  presencePenalty: (value: unknown) => isBetween(value, -2, 2),
  frequencyPenalty: (value: unknown) => isBetween(value, -2, 2),
  stopSequences: (value: unknown) => Array.isArray(value) && value.length > 0 && value.length <= 5,
  responseMimeType: (value: unknown) => value === "application/json",
  responseJsonSchema: isFields,
  thinkingConfig: isFields,
} as const;

function isPositive(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) > 0;
}

function isBetween(value: unknown, low: number, high: number): boolean {
  return typeof value === "number" && value >= low && value <= high;
}

/** Every departure of a request body from the grammar; empty when clean. */
export function checkGenerateRequest(body: unknown): Violation[] {
  const findings = new Findings();
  const request = fields(body);
  findings.onlyKeys("request", request, [
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "generationConfig",
  ]);
  checkSystem(request["systemInstruction"], findings);
  checkContents(fieldsList(request["contents"]), findings);
  const names = checkTools(request["tools"], findings);
  checkToolConfig(request["toolConfig"], names, findings);
  checkConfig(request["generationConfig"], findings);
  return findings.list;
}

function checkSystem(instruction: unknown, findings: Findings): void {
  if (instruction === undefined) return;
  const parts = fieldsList(fields(instruction)["parts"]);
  findings.expect(parts.length > 0, "system", "no parts");
  for (const part of parts) findings.expect(text(part["text"]) !== "", "system", "empty text");
}

function checkContents(contents: readonly Fields[], findings: Findings): void {
  const roles = contents.map((content) => content["role"]);
  const alternates = roles.every((role, at) => role === (at % 2 === 0 ? "user" : "model"));
  findings.expect(alternates && roles.length % 2 === 1, "roles", JSON.stringify(roles));
  for (const [at, content] of contents.entries()) {
    findings.at = at;
    findings.onlyKeys("content", content, ["role", "parts"]);
    const parts = fieldsList(content["parts"]);
    findings.expect(parts.length > 0, "parts", "none");
    for (const part of parts) checkPart(part, content["role"], findings);
    checkAnswers(parts, fieldsList(contents[at + 1]?.["parts"]), findings);
  }
  findings.at = -1;
}

function checkPart(part: Fields, role: unknown, findings: Findings): void {
  findings.onlyKeys("part", part, [...DATA, "thought", "thoughtSignature"]);
  const kinds = DATA.filter((kind) => part[kind] !== undefined);
  findings.expect(kinds.length === 1, "one-of", JSON.stringify(Object.keys(part)));
  const { thought, thoughtSignature, functionCall, functionResponse } = part as Fields & {
    [K in "thought" | "thoughtSignature" | "functionCall" | "functionResponse"]?: unknown;
  };
  const isSigned = thoughtSignature !== undefined;
  if (isSigned) findings.expect(BASE64.test(text(thoughtSignature)), "signature", "no base64");
  if (isSigned || thought !== undefined)
    findings.expect(role === "model", "signature", "of a user");
  if (part["text"] === "") findings.expect(isSigned, "empty-text", "without a signature");
  if (isFields(functionCall)) checkCall(functionCall, role, findings);
  if (isFields(functionResponse)) checkResponse(functionResponse, role, findings);
  checkMedia(part, findings);
}

function checkMedia(part: Fields, findings: Findings): void {
  const { inlineData, fileData } = part as { inlineData?: unknown; fileData?: unknown };
  if (inlineData !== undefined) {
    const { mimeType, data } = fields(inlineData) as { mimeType?: unknown; data?: unknown };
    findings.expect(MEDIA.test(text(mimeType)), "media", text(mimeType));
    findings.expect(BASE64.test(text(data)), "media", "no base64");
  }
  if (fileData !== undefined) findings.shape("fileData", fields(fileData), { fileUri: "string" });
}

function checkCall(call: Fields, role: unknown, findings: Findings): void {
  findings.onlyKeys("functionCall", call, ["id", "name", "args"]);
  findings.shape("functionCall", call, { name: "string", args: "object" });
  findings.expect(NAME.test(text(call["name"])), "name", text(call["name"]));
  findings.expect(role === "model", "roles", "a call of the user");
}

function checkResponse(response: Fields, role: unknown, findings: Findings): void {
  findings.onlyKeys("functionResponse", response, ["id", "name", "response", "parts"]);
  findings.shape("functionResponse", response, { name: "string", response: "object" });
  findings.expect(role === "user", "roles", "a response of the model");
  for (const part of fieldsList(response["parts"])) checkMedia(part, findings);
}

// As many responses as calls, in the next content, first, in the order of the calls, under the same ids.
function checkAnswers(parts: readonly Fields[], next: readonly Fields[], findings: Findings): void {
  const key = (of: unknown) => JSON.stringify([fields(of)["id"], fields(of)["name"]]);
  const calls = parts.map((part) => part["functionCall"]).filter(isFields);
  if (calls.length === 0) return;
  const answers = next.map((part) => part["functionResponse"]);
  const first = answers.slice(0, calls.length);
  findings.expect(
    calls.map(key).join() === first.map(key).join() && !answers.slice(calls.length).some(isFields),
    "answers",
    `${calls.map(key).join()} answered by ${answers.map(key).join()}`,
  );
}

function checkTools(tools: unknown, findings: Findings): ReadonlySet<string> {
  const declared = fieldsList(tools).flatMap((tool) => {
    findings.onlyKeys("tool", tool, ["functionDeclarations"]);
    return fieldsList(tool["functionDeclarations"]);
  });
  if (tools !== undefined) findings.expect(declared.length > 0, "tools", "none");
  const names = new Set(declared.map((each) => text(each["name"])));
  findings.expect(names.size === declared.length, "tools", "two of one name");
  for (const declaration of declared) {
    findings.onlyKeys("declaration", declaration, ["name", "description", "parametersJsonSchema"]);
    findings.expect(NAME.test(text(declaration["name"])), "name", text(declaration["name"]));
    const schema = declaration["parametersJsonSchema"];
    if (schema === undefined) continue;
    findings.expect(fields(schema)["type"] === "object", "schema", "not of an object");
    checkSchema(schema, fields(schema), findings);
  }
  return names;
}

function checkSchema(schema: unknown, root: Fields, findings: Findings): void {
  if (!isFields(schema)) return findings.add("schema", JSON.stringify(schema));
  for (const [key, value] of Object.entries(schema)) {
    findings.expect(KEYWORDS.has(key), "schema", key);
    if (key === "properties" || key === "$defs") {
      for (const inner of Object.values(fields(value))) checkSchema(inner, root, findings);
    }
    if (key === "items") checkSchema(value, root, findings);
    if (key === "additionalProperties" && typeof value !== "boolean")
      checkSchema(value, root, findings);
    if (Array.isArray(value) && ["anyOf", "oneOf", "prefixItems"].includes(key)) {
      for (const inner of value) checkSchema(inner, root, findings);
    }
  }
  const target = schema["$ref"];
  if (target === undefined) return;
  const siblings = Object.keys(schema).filter((key) => !key.startsWith("$"));
  findings.expect(siblings.length === 0, "schema", `${siblings.join()} beside $ref`);
  const name = /^#\/\$defs\/([^/]+)$/.exec(text(target))?.[1];
  const isFound = target === "#" || fields(root["$defs"])[name ?? ""] !== undefined;
  findings.expect(isFound, "schema", `${text(target)} leads nowhere`);
}

function checkToolConfig(config: unknown, names: ReadonlySet<string>, findings: Findings): void {
  if (config === undefined) return;
  findings.onlyKeys("toolConfig", fields(config), ["functionCallingConfig"]);
  const calling = fields(fields(config)["functionCallingConfig"]);
  findings.onlyKeys("calling", calling, ["mode", "allowedFunctionNames"]);
  findings.shape("calling", calling, { mode: "'AUTO'|'ANY'|'NONE'" });
  findings.expect(names.size > 0, "tool-config", "without tools");
  const allowed = calling["allowedFunctionNames"];
  if (!Array.isArray(allowed)) return;
  findings.expect(calling["mode"] === "ANY", "tool-config", "names need mode ANY");
  findings.expect(
    allowed.length > 0 && allowed.every((name) => names.has(name)),
    "tool-config",
    "unknown name",
  );
}

function checkConfig(config: unknown, findings: Findings): void {
  if (config === undefined) return;
  const known: Readonly<Record<string, (value: unknown) => boolean>> = CONFIG;
  findings.expect(Object.keys(fields(config)).length > 0, "config", "empty");
  for (const [key, value] of Object.entries(fields(config))) {
    findings.expect(known[key]?.(value) === true, "config", `${key}: ${JSON.stringify(value)}`);
  }
  const { thinkingConfig, responseJsonSchema } = fields(config) as Record<string, unknown>;
  if (responseJsonSchema !== undefined) {
    checkSchema(responseJsonSchema, fields(responseJsonSchema), findings);
  }
  const thinking = fields(thinkingConfig);
  findings.onlyKeys("thinking", thinking, ["includeThoughts", "thinkingBudget", "thinkingLevel"]);
  const hasBoth = "thinkingBudget" in thinking && "thinkingLevel" in thinking;
  findings.expect(!hasBoth, "config", "a budget and a level");
}

/** What a request says: its texts in order, its calls, and the names its responses answer. */
export function readGenerateRequest(body: unknown) {
  const request = fields(body);
  const contents = fieldsList(request["contents"]);
  const parts = [fields(request["systemInstruction"]), ...contents].flatMap((content) =>
    fieldsList(content["parts"]),
  );
  const calls = parts.map((part) => part["functionCall"]).filter(isFields);
  const results = parts.map((part) => part["functionResponse"]).filter(isFields);
  const told = parts.filter((part) => part["thought"] !== true);
  return {
    text: told.map((part) => text(part["text"])).join(""),
    calls: calls.map(({ name, args }) => [text(name), JSON.stringify(args)] as const),
    resultCount: results.length,
  };
}
