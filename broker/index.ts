// The door of the broker: start one, open its vault in this process, know its configuration.
// Consumers that only need credentials use #broker/client, which can open nothing.

export type { AuditRecord } from "./access/audit-chain.ts";
export { type AuditEvent, credentialsTarget } from "./access/audit-event.ts";
export { setForeignAuditAside } from "./access/audit-aside.ts";
export { auditHeadPath, AuditLog, auditPath, type AuditVerdict } from "./access/audit-log.ts";
export {
  BROKER_TOKEN_PREFIX,
  ClientTokens,
  type ClientTokenSummary,
} from "./access/client-tokens.ts";
export { parsePermissions, PERMISSION_DOCS, ProviderScope } from "./access/permissions.ts";
export {
  authBrokerLease,
  authBrokerUrl,
  brokerBind,
  brokerKeys,
  brokerTlsCert,
  brokerTlsKey,
  vaultKey,
} from "./config.ts";
export { backUp } from "./backup/backup.ts";
export { restore } from "./backup/restore.ts";
export { examineBroker } from "./doctor/examine.ts";
export type { Finding } from "./doctor/finding.ts";
export { ENVIRONMENT_VARIABLES, type EnvironmentKey, environmentKeys } from "./environment-keys.ts";
export { BrokerError } from "./errors.ts";
export { importCredentials, type ImportItem, type ImportOptions } from "./import/on-demand.ts";
export { migrate, type MigrateItem, type Migration } from "./migrate.ts";
export { installId } from "./oauth/install-id.ts";
export { login, type LoggedIn, type LoginPrompts } from "./oauth/login.ts";
export { loginRefusal } from "./oauth/login-policy.ts";
export { callbackPorts, type LoginPlan, loginPlan } from "./oauth/login-plan.ts";
export { openRegistry, type ProviderRegistry, type RegisteredProvider } from "./oauth/registry.ts";
export { revokeGrant, type Revocation } from "./oauth/revoke.ts";
export { type ListedCredential, type ListedProvider, listProviders } from "./listing.ts";
export { type Broker, startBroker, type StartBrokerOptions } from "./start.ts";
export type { CredentialSummary } from "./vault/credential-table.ts";
export { Vault } from "./vault/vault.ts";
export { openMasterKey, openVault, prepareNextKey } from "./vault/open-vault.ts";
export { rekey } from "./vault/rekey.ts";
export { vaultPath } from "./vault/vault-file.ts";
