// The list of peers that install from npm.

import type { Starter } from "../target.ts";
import { claudeCodeRouterStarter } from "./claude-code-router.ts";
import { ohMyPiStarter } from "./oh-my-pi.ts";
import { portkeyStarter } from "./portkey.ts";

/** Every peer, installed in `peersFolder` or to be installed there. */
export function peerStarters(peersFolder: string): readonly Starter[] {
  return [portkeyStarter, claudeCodeRouterStarter, ohMyPiStarter].map((starter) =>
    starter(peersFolder),
  );
}
