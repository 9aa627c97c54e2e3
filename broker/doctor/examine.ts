// Looks at everything a broker depends on, without starting one. Changes nothing and contacts nobody.

import { type Config, createLogger, type Environment, homeDirectory } from "#platform";
import { AuditLog } from "../access/audit-log.ts";
import { ClientTokens } from "../access/client-tokens.ts";
import { vaultKey } from "../config.ts";
import { openRegistry } from "../oauth/registry.ts";
import { Refresher } from "../refresh/refresher.ts";
import type { Vault } from "../vault/vault.ts";
import type { Finding } from "./finding.ts";
import {
  auditFinding,
  certificateFindings,
  diskFinding,
  exposureFinding,
} from "./host-findings.ts";
import { grantFindings, tokenFindings, vaultFindings } from "./vault-findings.ts";

/** What is examined. */
export interface ExamineOptions {
  readonly vault: Vault;
  readonly config: Config;
  readonly env: Environment;
  readonly nowMs?: number;
}

/** Every finding, in the order in which an operator would fix things. */
export function examineBroker(options: ExamineOptions): Finding[] {
  const { vault, config, env, nowMs = Date.now() } = options;
  const home = homeDirectory(env);
  const providers = openRegistry(config).find;
  // Never started: it only tells what it would not do.
  const log = createLogger({ level: "silent", write: () => {} });
  const problems = new Refresher({ vault, home, env, log, providers }).problems();
  return [
    ...vaultFindings(vault, config.get(vaultKey)),
    ...grantFindings(vault, { problems, providers, nowMs }),
    ...tokenFindings(listTokens(vault), nowMs),
    auditFinding(verifyAudit(vault, home)),
    diskFinding(home),
    exposureFinding(config),
    ...certificateFindings(config, nowMs),
  ];
}

function listTokens(vault: Vault) {
  const tokens = new ClientTokens(vault.file);
  try {
    return tokens.list();
  } finally {
    tokens.close();
  }
}

function verifyAudit(vault: Vault, home: string) {
  const audit = AuditLog.open(home, { index: vault.file.index });
  try {
    return audit.verify();
  } finally {
    audit.close();
  }
}
