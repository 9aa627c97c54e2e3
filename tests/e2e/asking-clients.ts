// The smallest question in each dialect of a caller, and where it is asked.

/** By dialect: the route, and what a request says beside its model. */
export const clients = {
  chat: { path: "/v1/chat/completions", said: { messages: [{ role: "user", content: "hi" }] } },
  responses: { path: "/v1/responses", said: { input: "hi" } },
  messages: {
    path: "/v1/messages",
    said: { max_tokens: 50, messages: [{ role: "user", content: "hi" }] },
  },
} as const;

/** A dialect of a caller. */
export type ClientId = keyof typeof clients;

/** All of them. */
export const clientIds = Object.keys(clients) as ClientId[];
