// Why a server could not start listening, in words that name the address and the way out.
// Refuses to guess who holds a port when the system does not tell.

import { type BindAddress, formatBindAddress } from "./bind-address.ts";

/** Why an address, a socket path or the names of a server were refused. */
export type ListenErrorCode =
  | "port_in_use"
  | "permission_denied"
  | "address_unavailable"
  | "unsafe_bind"
  | "host_name_invalid"
  | "socket_in_use"
  | "socket_path_invalid"
  | "not_a_socket";

/** The address cannot be listened on. */
export class ListenError extends Error {
  readonly code: ListenErrorCode;
  /** `host:port`, or the path of a socket. */
  readonly address: string;

  constructor(
    code: ListenErrorCode,
    address: BindAddress | string,
    problem: string,
    { cause }: { cause?: unknown } = {},
  ) {
    const text = typeof address === "string" ? address : formatBindAddress(address);
    super(`Cannot listen on ${text}: ${problem}`, { cause });
    this.name = new.target.name;
    this.code = code;
    this.address = text;
  }
}

/** Another process listens there already. */
export class PortInUseError extends ListenError {
  constructor(address: BindAddress, { cause }: { cause?: unknown } = {}) {
    super(
      "port_in_use",
      address,
      "another process listens there already. Stop it, or choose another port (0 picks a free one).",
      { cause },
    );
  }
}

/** The bind would let strangers in without a token. */
export class UnsafeBindError extends ListenError {
  constructor(address: BindAddress, problem: string) {
    super("unsafe_bind", address, problem);
  }
}

/** The typed error for what the runtime threw while starting to listen. */
export function toListenError(address: BindAddress | string, cause: unknown): ListenError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (typeof address === "string") {
    const problem = `the socket cannot be made (${String(code)}).`;
    return new ListenError("address_unavailable", address, problem, { cause });
  }
  // Bun reports an unknown host name as a busy port, but port 0 is never busy.
  if (code === "EADDRINUSE" && address.port !== 0) return new PortInUseError(address, { cause });
  if (code === "EACCES") {
    const problem = "the system does not allow it; ports below 1024 are for root.";
    return new ListenError("permission_denied", address, problem, { cause });
  }
  const problem = "this machine has no such address. Use 127.0.0.1 or one of its own addresses.";
  return new ListenError("address_unavailable", address, problem, { cause });
}
