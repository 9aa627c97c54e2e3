// The public door of wire/: schemas and pure codecs that run anywhere, browser included.

export * from "./broker/credential.ts";
export * from "./broker/snapshot.ts";
export * from "./carrier.ts";
export * from "./conversation.ts";
export * from "./failure.ts";
export * from "./json.ts";
export * from "./reply.ts";
export * from "./reply-assembler.ts";
