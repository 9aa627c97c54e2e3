// WebSockets behind the same front door as requests: who may connect is settled before the upgrade, a message is whole
// and within a limit, and a slow reader slows its sender instead of filling memory. Knows no protocol on top.

/** Limits of a server's sockets. */
export interface SocketLimits {
  /** A larger message ends its socket. */
  readonly maxMessageBytes: number;
  /** Sockets at once; a further one is refused. */
  readonly maxSockets: number;
  /** A peer that answers no ping for so long is gone. At most 960. */
  readonly idleSeconds?: number;
  /** A peer that reads nothing for so long is cut off. */
  readonly stallMs?: number;
}

/** Peers that vanished without a word are noticed after this. */
export const DEFAULT_SOCKET_IDLE_SECONDS = 120;
/** How long a peer may leave what was sent to it unread. */
export const DEFAULT_SOCKET_STALL_MS = 5 * 60_000;

/** The close code of a server that stops. */
const GOING_AWAY = 1001;

/** Our end of a socket. */
export interface Socket {
  /** Resolves when more may be sent; false when the peer is gone. One at a time. */
  send(text: string): Promise<boolean>;
  /** Ends it; codes as RFC 6455 has them. */
  close(code: number, reason: string): void;
}

/** What hears of a socket. */
export interface SocketHandler {
  /** One whole message. */
  message(text: string): void;
  /** The server stops: finish what has begun, then close. */
  drain(): void;
  /** It is over, whoever ended it. Called once. */
  closed(): void;
}

/** Makes the handler of a socket that is open. */
export type AcceptSocket = (socket: Socket) => SocketHandler;

/** Why a request did not become a socket. */
export class UpgradeError extends Error {
  readonly code: "sockets_full" | "handshake_invalid";

  constructor(code: UpgradeError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** What the runtime keeps with each socket. */
export interface SocketData {
  readonly accept: AcceptSocket;
  open?: OpenSocket;
}

type RuntimeSocket = Bun.ServerWebSocket<SocketData>;

/** The sockets of one server. */
export class WebSockets {
  readonly #limits: SocketLimits;
  readonly #open = new Set<OpenSocket>();
  #isStopping = false;

  constructor(limits: SocketLimits) {
    this.#limits = limits;
  }

  /** Answers the handshake. Throws UpgradeError. */
  upgrade(request: Request, server: Bun.Server<SocketData>, accept: AcceptSocket): void {
    const { maxSockets } = this.#limits;
    if (this.#open.size >= maxSockets || this.#isStopping) {
      throw new UpgradeError("sockets_full", `there are ${maxSockets} sockets open already`);
    }
    if (server.upgrade(request, { data: { accept } })) return;
    throw new UpgradeError("handshake_invalid", "the WebSocket handshake is incomplete");
  }

  /** What the runtime is to do with messages. */
  get handlers(): Bun.WebSocketHandler<SocketData> {
    const { maxMessageBytes, idleSeconds = DEFAULT_SOCKET_IDLE_SECONDS } = this.#limits;
    return {
      maxPayloadLength: maxMessageBytes,
      // One message waits at a time; this only bounds a handler that does not.
      backpressureLimit: maxMessageBytes,
      closeOnBackpressureLimit: true,
      idleTimeout: idleSeconds,
      sendPings: true,
      perMessageDeflate: false,
      open: (socket) => this.#accept(socket),
      message: (socket, message) => socket.data.open?.receive(message),
      drain: (socket) => socket.data.open?.drained(),
      close: (socket) => this.#forget(socket),
    };
  }

  /** Lets each handler finish. */
  stop(): void {
    this.#isStopping = true;
    for (const socket of this.#open) socket.stop();
  }

  #accept(socket: RuntimeSocket): void {
    const open = new OpenSocket(socket, this.#limits);
    socket.data.open = open;
    this.#open.add(open);
    if (this.#isStopping) open.close(GOING_AWAY, "the server is stopping");
  }

  #forget({ data }: RuntimeSocket): void {
    if (!data.open) return;
    this.#open.delete(data.open);
    data.open.end();
  }
}

/** One socket and who hears of it. */
class OpenSocket implements Socket {
  readonly #socket: RuntimeSocket;
  readonly #stallMs: number;
  readonly #handler: SocketHandler;
  #waiting: PromiseWithResolvers<boolean> | undefined;
  #isOver = false;

  constructor(socket: RuntimeSocket, { stallMs = DEFAULT_SOCKET_STALL_MS }: SocketLimits) {
    this.#socket = socket;
    this.#stallMs = stallMs;
    this.#handler = socket.data.accept(this);
  }

  send(text: string): Promise<boolean> {
    if (this.#isOver) return Promise.resolve(false);
    const sent = this.#socket.sendText(text);
    if (sent > 0) return Promise.resolve(true);
    if (sent === 0) return Promise.resolve(false);
    return this.#drain();
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  receive(message: string | Buffer): void {
    if (typeof message === "string") return this.#handler.message(message);
    this.close(1003, "only text is understood here");
  }

  drained(): void {
    this.#waiting?.resolve(true);
  }

  stop(): void {
    this.#handler.drain();
  }

  end(): void {
    this.#isOver = true;
    this.#waiting?.resolve(false);
    this.#handler.closed();
  }

  async #drain(): Promise<boolean> {
    const waiting = Promise.withResolvers<boolean>();
    this.#waiting = waiting;
    const stalled = setTimeout(() => this.#socket.terminate(), this.#stallMs);
    try {
      return await waiting.promise;
    } finally {
      clearTimeout(stalled);
      this.#waiting = undefined;
    }
  }
}
