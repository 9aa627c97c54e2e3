// The list of wire formats. To add one: a file beside these that satisfies Format, and a line here.

import type { FormatId } from "#wire";
import { chat } from "./chat.ts";
import type { Format } from "./format.ts";
import { messages } from "./messages.ts";
import { responses } from "./responses.ts";

/** Every format the gateway speaks, to callers and to upstreams. */
export const formats = { chat, responses, messages } as const satisfies Record<FormatId, Format>;
