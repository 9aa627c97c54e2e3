// The door for consumers of credentials: what the gateway and other clients of a vault may import.
// Refuses to let anything through that could open or change a vault file.

export {
  BrokerClient,
  type BrokerClientOptions,
  type CallOptions,
  type SnapshotRequest,
} from "./broker-client.ts";
export {
  type BrokerConnection,
  brokerSocketPath,
  brokerTokenPath,
  localBrokerUrl,
  openSnapshotCache,
  resolveBrokerConnection,
  resolveBrokerToken,
} from "./connection.ts";
export type { CredentialSource, HeldCredential } from "./credential-source.ts";
export { readInstallId } from "./install-id.ts";
export { LimitFeed, type LimitFeedOptions } from "./limit-feed.ts";
export {
  type ObservedRequest,
  ObservedUsage,
  type ObservedUsageOptions,
} from "./observed-usage.ts";
export { RemoteUsage, type RemoteUsageOptions } from "./remote-usage.ts";
export { RemoteVault, type RemoteVaultOptions } from "./remote-vault.ts";
export { SnapshotCache, type SnapshotCacheOptions } from "./snapshot-cache.ts";
export { resolveConfigValue, type RunCommand } from "../config-value.ts";
export {
  BrokerError,
  BrokerProtocolError,
  BrokerRefused,
  BrokerUnauthorized,
  BrokerUnreachable,
  ConfigValueError,
} from "../errors.ts";
