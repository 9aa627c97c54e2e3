// Questions and answers between two ends, and what becomes of those that nobody can answer.

import { expect, test } from "bun:test";
import { z } from "zod";
import { GatewayError } from "../errors.ts";
import { forbidden } from "../keys/key-refusal.ts";
import { Channel, type Contract, type Handlers } from "./channel.ts";

const CONTRACT = {
  double: { asks: z.number(), answers: z.number() },
  refuse: { asks: z.null(), answers: z.null() },
  note: { asks: z.string(), answers: z.null() },
} as const satisfies Contract;
const NONE = {} as const satisfies Contract;

function connect(handlers: Partial<Handlers<typeof CONTRACT>> = {}) {
  const errors: unknown[] = [];
  const sent: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  const asking: Channel<typeof NONE, typeof CONTRACT> = new Channel({
    own: NONE,
    handlers: {},
    other: CONTRACT,
    send: (message) => {
      sent.push(message);
      answering.receive(JSON.parse(JSON.stringify(message)));
    },
    onError,
  });
  const answering: Channel<typeof CONTRACT, typeof NONE> = new Channel({
    own: CONTRACT,
    handlers: {
      double: (n) => 2 * n,
      refuse: () => {
        throw forbidden("model_not_allowed", "This key may not.");
      },
      note: () => null,
      ...handlers,
    },
    other: NONE,
    send: (message) => asking.receive(JSON.parse(JSON.stringify(message))),
    onError,
  });
  return { asking, answering, errors, sent };
}

test("each question gets its own answer, in whatever order they come", async () => {
  const first = Promise.withResolvers<number>();
  const { asking } = connect({ double: (n) => (n === 4 ? first.promise : 2 * n) });
  const slow = asking.ask("double", 4);
  expect(await asking.ask("double", 5)).toBe(10);
  first.resolve(8);
  expect(await slow).toBe(8);
});

test("an error for a caller arrives as one: kind, code, words and headers", async () => {
  const { asking } = connect();
  const error = await asking.ask("refuse", null).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(GatewayError);
  expect(error).toMatchObject({
    code: "model_not_allowed",
    message: "This key may not.",
    failure: { kind: "forbidden" },
    headers: { "x-should-retry": "false", "x-parley-refusal": "model_not_allowed" },
  });
});

test("any other error arrives with its code, its words and its fix, without its stack", async () => {
  const { asking, sent } = connect({
    note: () => {
      throw Object.assign(new Error("no room"), { code: "disk_full", fix: "Make room." });
    },
  });
  const told = { message: "no room", code: "disk_full", fix: "Make room." };
  expect(await asking.ask("note", "x").catch((thrown: unknown) => thrown)).toMatchObject(told);
  expect(JSON.stringify(sent)).not.toContain("channel.test");
});

test("what does not fit its contract is refused, and what is no message is told", async () => {
  const { asking, answering, errors } = connect({ double: () => "four" as never });
  await expect(asking.ask("double", 2)).rejects.toThrow("expected number");
  await expect(asking.ask("double", "2" as never)).rejects.toThrow("expected number");
  await expect(asking.ask("shout" as never, null as never)).rejects.toThrow();
  expect(errors).toEqual([]);
  for (const junk of [null, 7, "x", {}, { kind: "ask", name: 1 }, { kind: "answer", id: "1" }])
    answering.receive(junk);
  asking.tell("note", 5 as never);
  // The next answer comes behind it.
  expect(await connect().asking.ask("double", 1)).toBe(2);
  expect(errors).toHaveLength(7);
});

test("who waits for somebody that goes is told so, and who asks later too", async () => {
  const { asking } = connect({ double: () => new Promise<number>(() => {}) });
  const waiting = asking.ask("double", 1);
  asking.close();
  await expect(waiting).rejects.toMatchObject({ code: "worker_gone" });
  await expect(asking.ask("double", 1)).rejects.toMatchObject({ code: "worker_gone" });
  asking.tell("note", "into nothing");
});
