// The lists of wire formats. To add one: a file beside these that satisfies Format, or UpstreamFormat where
// no caller speaks it, and a line here.

import type { CallerFormatId, FormatId, SpokenFormatId } from "#wire";
import { chat } from "./chat.ts";
import type { CallerFormat, Format, UpstreamFormat } from "./format.ts";
import { generate } from "./generate.ts";
import { messages } from "./messages.ts";
import { native } from "./native.ts";
import { responses } from "./responses.ts";

/** Every format the gateway speaks to callers; it speaks them to upstreams too. */
export const formats = { chat, responses, messages } as const satisfies Record<
  CallerFormatId,
  Format
>;

/** Those, and our own, which is only ever translated. */
export const callerFormats = { ...formats, native } as const satisfies Record<
  SpokenFormatId,
  CallerFormat
>;

/** Every format the gateway speaks to upstreams. */
export const upstreamFormats = { ...formats, generate } as const satisfies Record<
  FormatId,
  UpstreamFormat
>;
