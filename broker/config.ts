// The configuration keys of the broker and of its clients, one record each.
// An untrusted checkout may set none of them: they say where credentials are and who gets them.

import { BindAddressText, defineKey } from "#platform";
import { z } from "zod";
import { OperatorProviders } from "./oauth/operator-providers.ts";

/** Where `agent auth-broker serve` and `agent up` listen for broker clients. */
export const brokerBind = defineKey({
  name: "broker.bind",
  schema: BindAddressText,
  default: "127.0.0.1:8765",
  doc: "Address the broker listens on; port 0 picks a free one.",
  env: "PARLEY_BROKER_BIND",
  flag: "--broker-bind",
  placeholder: "<host:port>",
  project: "refused",
});

/** Where clients of this host connect without TCP. */
export const brokerSocket = defineKey({
  name: "broker.socket",
  schema: z.string().min(1),
  default: "auto",
  doc: "Unix socket the broker serves beside its address: auto (auth-broker.sock in the home directory), none, or a path in a private directory.",
  env: "PARLEY_BROKER_SOCKET",
  placeholder: "<path>",
  project: "refused",
});

/** The certificate chain that the broker shows; empty for plain HTTP. */
export const brokerTlsCert = defineKey({
  name: "broker.tlsCert",
  schema: z.string(),
  default: "",
  doc: "PEM file with the certificate chain to serve the broker's address with TLS; needs broker.tlsKey.",
  env: "PARLEY_BROKER_TLS_CERT",
  flag: "--tls-cert",
  placeholder: "<file>",
  project: "refused",
});

/** The private key of that certificate. */
export const brokerTlsKey = defineKey({
  name: "broker.tlsKey",
  schema: z.string(),
  default: "",
  doc: "PEM file with the private key of broker.tlsCert, readable by its owner only.",
  env: "PARLEY_BROKER_TLS_KEY",
  flag: "--tls-key",
  placeholder: "<file>",
  project: "refused",
});

/** The names a broker may be called by. */
export const brokerAllowedHosts = defineKey({
  name: "broker.allowedHosts",
  schema: z.string(),
  default: "",
  doc: "Names the broker answers to beside those of loopback, separated by commas, e.g. broker.example; without any, one bound beyond loopback answers to every name.",
  env: "PARLEY_BROKER_ALLOWED_HOSTS",
  placeholder: "<names>",
  project: "refused",
});

/** The remote broker to use instead of the vault of this host; empty for none. */
export const authBrokerUrl = defineKey({
  name: "auth.broker.url",
  schema: z.string(),
  default: "",
  doc: "Broker to take credentials from instead of the local vault: a URL, the name of an environment variable, or !command.",
  env: "PARLEY_AUTH_BROKER_URL",
  placeholder: "<url>",
  project: "refused",
});

/** The bearer for that broker; empty to take the token file of this host. */
export const authBrokerToken = defineKey({
  name: "auth.broker.token",
  schema: z.string(),
  default: "",
  doc: "Bearer token for that broker: a literal, the name of an environment variable, or !command.",
  env: "PARLEY_AUTH_BROKER_TOKEN",
  placeholder: "<token>",
  project: "refused",
  isSecret: true,
});

/** The operator's own client ids and providers; what becomes of them is in oauth/registry.ts. */
export const authProviders = defineKey({
  name: "auth.providers",
  schema: OperatorProviders,
  default: {},
  doc: "Providers by id: clientId and clientSecret of your own for a built-in one that asks for them, or a provider described whole, which replaces the built-in one.",
  project: "refused",
});

/** Where the key that seals the vault comes from. */
export const vaultKey = defineKey({
  name: "vault.key",
  schema: z
    .string()
    .regex(
      /^(?:file|passphrase|systemd|!.*|[\w-]{43})$/s,
      "must be file, passphrase, systemd or !command; the key itself belongs into PARLEY_VAULT_KEY",
    ),
  default: "file",
  doc: "Master key of the vault: file (vault.key beside it), passphrase, systemd, or !command; PARLEY_VAULT_KEY may also hold the key itself.",
  env: "PARLEY_VAULT_KEY",
  project: "refused",
  isSecret: true,
});

/** The passphrase for `vault.key: passphrase`; empty to be asked. */
export const vaultPassphrase = defineKey({
  name: "vault.passphrase",
  schema: z.string(),
  default: "",
  doc: "Passphrase for vault.key: passphrase: the name of an environment variable, !command or a literal; empty asks at the terminal.",
  env: "PARLEY_VAULT_PASSPHRASE",
  project: "refused",
  isSecret: true,
});

/** How old a cached snapshot may be when a client starts from it, in ms. */
export const authBrokerSnapshotTtl = defineKey({
  name: "auth.broker.snapshotTtlMs",
  schema: z.int().min(0),
  default: 3_600_000,
  doc: "How old the cached snapshot of that broker may be to start from, in ms; 0 keeps none.",
  env: "PARLEY_AUTH_BROKER_SNAPSHOT_TTL_MS",
  placeholder: "<ms>",
  project: "refused",
});

/** Where that snapshot is cached; empty for the default place. */
export const authBrokerSnapshotCache = defineKey({
  name: "auth.broker.snapshotCache",
  schema: z.string(),
  default: "",
  doc: "File of the cached snapshot, encrypted; empty for cache/auth-broker-snapshot.enc in the home directory.",
  env: "PARLEY_AUTH_BROKER_SNAPSHOT_CACHE",
  placeholder: "<file>",
  project: "refused",
});

/** Whether the gateway leases API keys for minutes instead of holding them for good. */
export const authBrokerLease = defineKey({
  name: "auth.broker.lease",
  schema: z.boolean(),
  default: true,
  doc: "Whether the gateway leases API keys from that broker for minutes at a time instead of holding them; leased keys are never cached.",
  env: "PARLEY_AUTH_BROKER_LEASE",
  placeholder: "<true|false>",
  project: "refused",
});

/** Every configuration key of this part. */
export const brokerKeys = [
  brokerBind,
  brokerSocket,
  brokerTlsCert,
  brokerTlsKey,
  brokerAllowedHosts,
  authBrokerUrl,
  authBrokerToken,
  authBrokerSnapshotTtl,
  authBrokerSnapshotCache,
  authBrokerLease,
  authProviders,
  vaultKey,
  vaultPassphrase,
] as const;
