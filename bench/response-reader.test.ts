// The reader must frame answers however the network cuts them; a slip here would pass for a gateway's fault.

import { describe, expect, test } from "bun:test";
import { ResponseReader } from "./response-reader.ts";

const chunked =
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
const sized = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";

function readAll(reader: ResponseReader, text: string, readBytes: number) {
  const bytes = Buffer.from(text);
  const answers = [];
  for (let at = 0; at < bytes.length; at += readBytes) {
    const answer = reader.push(bytes.subarray(at, at + readBytes));
    if (answer) answers.push({ status: answer.status, body: answer.body.toString() });
  }
  return answers;
}

describe("ResponseReader", () => {
  test.each([1, 2, 7, 1_000])(
    "answers one after the other, read %d bytes at a time",
    (readBytes) => {
      const reader = new ResponseReader();
      expect(readAll(reader, chunked, readBytes)).toEqual([{ status: 200, body: "hello world" }]);
      expect(readAll(reader, sized, readBytes)).toEqual([{ status: 503, body: "busy" }]);
      expect(readAll(reader, chunked, readBytes)).toEqual([{ status: 200, body: "hello world" }]);
    },
  );

  test("a body larger than the first buffer is whole", () => {
    const size = 700_000;
    const text = `HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n${"x".repeat(size)}`;
    expect(readAll(new ResponseReader(), text, 65_536)[0]?.body.length).toBe(size);
  });

  test("an answer that would end with the connection is refused", () => {
    const read = () => new ResponseReader().push(Buffer.from("HTTP/1.1 200 OK\r\n\r\nhello"));
    expect(read).toThrow("neither length nor chunks");
  });
});
