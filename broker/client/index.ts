// The door for consumers of credentials: what the gateway and other clients of a vault may import.
// Refuses to let anything through that could open or change a vault file.

export { BrokerClient, type BrokerClientOptions, type SnapshotRequest } from "./broker-client.ts";
export {
  type BrokerConnection,
  brokerTokenPath,
  resolveBrokerConnection,
  resolveBrokerToken,
} from "./connection.ts";
export { type CredentialSource } from "./credential-source.ts";
export { follow, type FollowOptions } from "./follow.ts";
export { RemoteCredentials, type RemoteCredentialsOptions } from "./remote-credentials.ts";
export { resolveConfigValue, type RunCommand } from "../config-value.ts";
export {
  BrokerError,
  BrokerProtocolError,
  BrokerRefused,
  BrokerUnauthorized,
  BrokerUnreachable,
  ConfigValueError,
} from "../errors.ts";
