// The public door of wire/: schemas and pure codecs that run anywhere, browser included.

export * from "./broker/answer.ts";
export * from "./broker/block.ts";
export * from "./broker/credential.ts";
export * from "./broker/disable.ts";
export * from "./broker/health.ts";
export * from "./broker/lease.ts";
export * from "./broker/limits.ts";
export * from "./broker/observed-usage.ts";
export * from "./broker/snapshot.ts";
export * from "./broker/stream.ts";
export * from "./broker/stream-frame.ts";
export * from "./broker/usage.ts";
export * from "./broker/usage-history.ts";
export * from "./carrier.ts";
export * from "./conversation.ts";
export * from "./failure.ts";
export * from "./json.ts";
export * from "./native-request.ts";
export * from "./reply.ts";
export * from "./reply-assembler.ts";
