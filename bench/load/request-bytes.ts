// The bytes of a request as a client puts them on its socket.

import type { RequestOf } from "../load-job.ts";
import { CLIENT_MARK, clientMark } from "../plan.ts";

/** Head and body of `job`'s request, the same for every client. */
export function requestBytes({ url, path, headers, body }: RequestOf): Buffer {
  const bytes = Buffer.from(body);
  const fields = { host: new URL(url).host, ...headers, "content-length": String(bytes.length) };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n`), bytes]);
}

/** The same, signed with the number of one client. */
export function requestBytesOf(job: RequestOf, client: number): Buffer {
  return requestBytes({ ...job, body: job.body.replace(CLIENT_MARK, clientMark(client)) });
}
