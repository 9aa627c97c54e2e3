// When the faults of a token endpoint strike: a queue of them, played on the requests that come. Also the decoy
// that a redirect leads to, so that a test sees who followed. Refuses to know what a fault does.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type Fault, play } from "./faults.ts";
import { answer, listenOnLoopback, originOf, stopListening } from "./loopback.ts";

/** Queues faults and plays them on the requests it is shown. */
export class FaultSwitch implements AsyncDisposable {
  /** Requests shown so far. */
  requests = 0;
  /** Requests that followed a redirect to the decoy. */
  redirected = 0;
  readonly #armed: (Fault & { left: number })[] = [];
  readonly #open = new Set<ServerResponse>();
  #decoy: Server | undefined;

  async arm(fault: Fault): Promise<void> {
    const location = fault.kind === "redirect" ? (fault.location ?? (await this.#decoyUrl())) : "";
    this.#armed.push({ ...fault, location, left: fault.times ?? 1 });
  }

  /** Disarms, and cuts every request that met a fault and is not answered yet. */
  clear(): void {
    this.#armed.length = 0;
    for (const response of this.#open) response.socket?.destroy();
    this.#open.clear();
  }

  /** Lets a request through to `serve`, or does to it what the next fault says. */
  async pass(
    request: IncomingMessage,
    response: ServerResponse,
    serve: () => void | Promise<void>,
  ): Promise<void> {
    this.requests += 1;
    const fault = this.#next();
    if (!fault) return serve();
    this.#open.add(response);
    response.once("close", () => this.#open.delete(response));
    return play(fault, request, response, serve);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.clear();
    if (this.#decoy) await stopListening(this.#decoy);
  }

  #next(): Fault | undefined {
    const [fault] = this.#armed;
    if (!fault) return undefined;
    fault.left -= 1;
    if (fault.left === 0) this.#armed.shift();
    return fault;
  }

  async #decoyUrl(): Promise<string> {
    this.#decoy ??= createServer((_request, response) => {
      this.redirected += 1;
      const tokens = { access_token: "from-the-decoy", refresh_token: "from-the-decoy" };
      answer(response, 200, "application/json", JSON.stringify({ ...tokens, expires_in: 3600 }));
    });
    if (!this.#decoy.listening) await listenOnLoopback(this.#decoy);
    return `${originOf(this.#decoy)}/token`;
  }
}
