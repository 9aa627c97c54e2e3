// GitHub Copilot with the token of an OAuth app that the operator registered. GitHub counts requests by who made
// them: a turn that a person took is said to be one, and no other vendor's editor is passed for.

import { isJsonObject, type FormatId, type Json, type JsonObject } from "#wire";
import { VERSION } from "#platform";
import { isMovedMedia } from "../formats/chat/message-encoder.ts";
import { COMPATIBLE } from "./compatible.ts";
import { bearer, type Provider } from "./provider.ts";

function listOf(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** The last thing said; a string is a user's whole turn in Responses. */
function isUsersTurn(body: JsonObject): boolean {
  if (typeof body["input"] === "string") return true;
  const said = [...listOf(body["messages"]), ...listOf(body["input"])];
  // What a tool showed travels as a user message where results hold text only, and is no turn of the user's.
  const last = said.findLast((message) => !isMovedMedia(message));
  return last?.["role"] === "user";
}

const IMAGE_PARTS: readonly Json[] = ["image_url", "input_image"];

function holdsImage(message: JsonObject): boolean {
  const parts = [...listOf(message["content"]), ...listOf(message["output"])];
  return parts.some(({ type }) => type !== undefined && IMAGE_PARTS.includes(type));
}

function describeCall(body: JsonObject): Readonly<Record<string, string>> {
  const hasImages = [...listOf(body["messages"]), ...listOf(body["input"])].some(holdsImage);
  return {
    "x-initiator": isUsersTurn(body) ? "user" : "agent",
    ...(hasImages && { "copilot-vision-request": "true" }),
  };
}

/** Models that Copilot serves through Responses only. */
const RESPONSES_ONLY = /codex/;

function formatsOf(model: string): readonly [FormatId, ...FormatId[]] {
  return RESPONSES_ONLY.test(model) ? ["responses"] : ["chat"];
}

/** api.githubcopilot.com; an enterprise's own address, and `copilot-integration-id`, come from the configuration. */
export const githubCopilot: Provider = {
  id: "github-copilot",
  name: "GitHub Copilot",
  formats: ["chat", "responses"],
  formatsOf,
  baseUrl: "https://api.githubcopilot.com",
  quirks: COMPATIBLE,
  headers: {
    "editor-version": `Parley/${VERSION}`,
    "openai-intent": "conversation-edits",
  },
  describeCall,
  takesUnlistedModels: true,
  needsKey: true,
  takesGrants: true,
  authorize: bearer,
  models: [],
};
