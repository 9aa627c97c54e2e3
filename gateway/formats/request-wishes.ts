// What a request may wish for that a dialect of upstream cannot fulfil: refused with its JSON path where the answer
// would differ, named as a loss where it only steers. Which wishes those are, each dialect's encoder says.

import type { ConversationRequest } from "#wire";
import { UnsupportedParameter } from "../errors.ts";
import type { Losses } from "./losses.ts";

/** A parameter, and whether a request really wishes for it. */
export type Wish = readonly [
  name: keyof ConversationRequest,
  isAsked: (request: ConversationRequest) => boolean,
];

/** The caller's own path of a parameter. */
export function pathOf(request: ConversationRequest, name: keyof ConversationRequest): string {
  return request.paths[name] ?? name;
}

/** Throws UnsupportedParameter, with `why`, for a wish of `refused`; names those of `lost`. */
export function checkWishes(
  request: ConversationRequest,
  losses: Losses,
  { refused, lost, why }: { refused: readonly Wish[]; lost: readonly Wish[]; why: string },
): void {
  for (const [name, isAsked] of refused) {
    if (isAsked(request)) throw new UnsupportedParameter(pathOf(request, name), why);
  }
  for (const [name, isAsked] of lost) {
    if (isAsked(request)) losses.add(pathOf(request, name), "not in this dialect");
  }
}
