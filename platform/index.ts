// The public door of platform/: files, settings, secrets and HTTP for every part, no product nouns.
// Each line is one subject; other parts import from here only.

export { type AddressGuard, guardAddresses, isLinkLocal, literalAddress } from "./address-guard.ts";
export { readCompoundDuration } from "./compound-duration.ts";
export { adoptConfig, Config, type ConfigListing, configValues, loadConfig } from "./config.ts";
export { setInConfigFile, type SettingInFile, unsetInConfigFile } from "./config-document.ts";
export { ConfigError, type ConfigProblem } from "./config-error.ts";
export { type ConfigFile, configFiles } from "./config-files.ts";
export { type AnyConfigKey, type ConfigKey, defineKey, type Tightening } from "./config-key.ts";
export type { ConfigSource } from "./config-layers.ts";
export {
  configJsonSchema,
  type ConfigOption,
  configOptions,
  configReference,
} from "./config-reference.ts";
export { findSetting, type Setting } from "./config-shape.ts";
export { type Environment, environment, forgetEnvironment } from "./env.ts";
export { EventLoopLag } from "./event-loop-lag.ts";
export { MAX_LABEL_SETS, OTHER_LABEL } from "./label-sets.ts";
export {
  type CounterMetric,
  type GaugeMetric,
  type HistogramMetric,
  type Labels,
  type MetricOptions,
  Metrics,
  type ReadMetricOptions,
} from "./metrics.ts";
export { lastingMetrics, MetricsSnapshot, sumMetrics } from "./metrics-snapshot.ts";
export { nearest } from "./nearest.ts";
export { homeConfigFile, homeDirectory } from "./paths.ts";
export {
  createPrivateFile,
  ensurePrivateDirectory,
  PrivateFileError,
  type PrivateFileErrorCode,
  readOrCreatePrivateFile,
  readPrivateFile,
  writePrivateFile,
} from "./private-file.ts";
export { Secret, SECRET_MARKER } from "./secret.ts";
export {
  createToken,
  isSameToken,
  matchToken,
  readBearer,
  readOrCreateToken,
  rotateToken,
  TokenFileError,
} from "./bearer.ts";
export {
  type BindAddress,
  BindAddressError,
  BindAddressText,
  formatBindAddress,
  isLoopback,
  parseBindAddress,
} from "./bind-address.ts";
export {
  type Clock,
  DEFAULT_SETTLE_MS,
  MAX_WALL_DRIFT_MS,
  SteadyClock,
  systemClock,
  type WallClockJump,
} from "./clock.ts";
export { bufferLines, writeStderrSync } from "./line-buffer.ts";
export { createLogger, type LogFields, type Logger, type LogLevel } from "./log.ts";
export { hardenProcess, type HardeningGap, type HardeningStep } from "./process-hardening.ts";
export { knownSecretCount, redact, registerSecret } from "./redact.ts";
export { retryDelayMs, type RetryDelayOptions } from "./retry-delay.ts";
export {
  asDatabaseError,
  type Database,
  DatabaseError,
  type DatabaseErrorCode,
  emptyLog,
  type Migration,
  openDatabase,
  openDatabaseImage,
  writeDatabase,
} from "./sqlite.ts";
export { VERSION } from "./version.ts";
export {
  DEFAULT_MAX_BODY_BYTES,
  type Refusal,
  type RequestControl,
  type RequestHandler,
} from "./front-door.ts";
export { type HttpServer, serveHttp, type ServeOptions, unauthenticated } from "./http-server.ts";
export { type AcceptSocket, type Socket, type SocketHandler, UpgradeError } from "./web-sockets.ts";
export { TlsFileError, type TlsFiles } from "./tls-files.ts";
export {
  claimUnixSocket,
  MAX_SOCKET_PATH_BYTES,
  UNIX_SOCKET_HOST,
  type UnixSocketClaim,
} from "./unix-socket.ts";
export {
  type ByteRange,
  type JsonScan,
  MAX_JSON_DEPTH,
  MAX_JSON_NODES,
  readJson,
  scanJson,
} from "./json-scan.ts";
export { JsonScanError, type JsonScanErrorCode } from "./json-scan-error.ts";
export {
  ListenError,
  type ListenErrorCode,
  PortInUseError,
  toListenError,
  UnsafeBindError,
} from "./listen-error.ts";
export { createOutbound, type Fetch, type Outbound, type OutboundRequest } from "./outbound.ts";
export { OutboundError, type OutboundErrorCode } from "./outbound-error.ts";
export type { OutboundResponse } from "./outbound-response.ts";
export { guardRequest, loopbackHosts } from "./request-guard.ts";
