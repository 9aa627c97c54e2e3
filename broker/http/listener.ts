// Puts the app on its sockets as the configuration says: TCP, encrypted or not, and a Unix socket for clients of
// this host. Warns about what an operator should know, and refuses half a TLS setting.

import {
  claimUnixSocket,
  type Config,
  type HttpServer,
  isLoopback,
  ListenError,
  type Logger,
  parseBindAddress,
  serveHttp,
  type TlsFiles,
  type UnixSocketClaim,
} from "#platform";
import { brokerSocketPath } from "../client/connection.ts";
import {
  brokerAllowedHosts,
  brokerBind,
  brokerSocket,
  brokerTlsCert,
  brokerTlsKey,
} from "../config.ts";
import { BrokerError } from "../errors.ts";
import { type BrokerApp, MAX_BODY_BYTES } from "./app.ts";
import { Refusal, toResponse } from "./refusal.ts";

// With the default setting a broker without a socket is better than none at all.
const DISPENSABLE: ReadonlySet<string> = new Set(["socket_in_use", "socket_path_invalid"]);

/** What listening needs. */
export interface ListenOptions {
  readonly config: Config;
  readonly home: string;
  readonly log: Logger;
}

/** Starts listening. Throws ListenError, TlsFileError, PrivateFileError, BrokerError `tls_incomplete`. */
export async function listen(app: BrokerApp, options: ListenOptions): Promise<HttpServer> {
  const { config, log } = options;
  const bind = parseBindAddress(config.get(brokerBind));
  const tls = tlsFiles(config);
  const unixSocket = await claimSocket(options);
  const server = serveHttp({
    bind,
    admit: (request, peer) => app.admit(request, peer),
    fetch: (request, control) => app.fetch(request, control),
    hasToken: true,
    maxBodyBytes: MAX_BODY_BYTES,
    allowedHosts: allowedHosts(config),
    refuse: ({ status, message }) => toResponse(new Refusal(status, message)),
    log,
    ...(tls && { tls }),
    ...(unixSocket && { unixSocket }),
  });
  if (!tls && !isLoopback(bind.hostname)) {
    const hint = "set broker.tlsCert and broker.tlsKey, or put TLS in front of it";
    log.warn(
      "credentials can be read on the network: the broker is served beyond loopback without TLS",
      {
        url: server.url,
        hint,
      },
    );
  }
  return server;
}

function tlsFiles(config: Config): TlsFiles | undefined {
  const certPath = config.get(brokerTlsCert);
  const keyPath = config.get(brokerTlsKey);
  if (certPath === "" && keyPath === "") return undefined;
  if (certPath !== "" && keyPath !== "") return { certPath, keyPath };
  const missing = certPath === "" ? brokerTlsCert : brokerTlsKey;
  throw new BrokerError("tls_incomplete", `${missing.name} is not set, and TLS needs both files`, {
    fix: "Set broker.tlsCert and broker.tlsKey, or neither.",
  });
}

function allowedHosts(config: Config): string[] {
  return config
    .get(brokerAllowedHosts)
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

async function claimSocket({
  config,
  home,
  log,
}: ListenOptions): Promise<UnixSocketClaim | undefined> {
  const wanted = config.get(brokerSocket);
  if (wanted === "none") return undefined;
  if (wanted !== "auto") return claimUnixSocket(wanted);
  try {
    return await claimUnixSocket(brokerSocketPath(home));
  } catch (error) {
    if (!(error instanceof ListenError) || !DISPENSABLE.has(error.code)) throw error;
    log.warn("no Unix socket is served; clients of this host use TCP", { error });
    return undefined;
  }
}
