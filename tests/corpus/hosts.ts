// Which built-in upstream a recording came from, so that it is read with that host's quirks.

import type { Quirks } from "../../gateway/formats/format.ts";
import { builtInProviders } from "../../gateway/providers/index.ts";
import type { Provider } from "../../gateway/providers/provider.ts";

/** Folders of the corpus that go by another name than the provider. */
const RENAMED: Readonly<Record<string, string>> = {
  alibaba: "qwen",
  lmstudio: "lm-studio",
  moonshotai: "moonshot",
};

/** The upstream that `groq-chat/…` was recorded from; undefined for hosts without a file of their own. */
export function hostOf(name: string): Provider | undefined {
  const folder = name.split("/")[0] ?? "";
  const host = folder.slice(0, folder.lastIndexOf("-"));
  const providers: readonly Provider[] = builtInProviders;
  return providers.find(({ id }) => id === (RENAMED[host] ?? host));
}

/** Its quirks; none for other hosts. */
export function quirksOf(name: string): Quirks {
  return hostOf(name)?.quirks ?? {};
}
