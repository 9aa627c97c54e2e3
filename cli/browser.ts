// Opens a page in the person's browser, where there is one. Best effort: the address is always shown as well.

import type { Environment } from "#platform";

/** Opens a URL without waiting; false where there is no display to open it on. */
export function openBrowser(url: string, env: Environment): boolean {
  if (!hasDisplay(env)) return false;
  void visit(url);
  return true;
}

/** Resolves once the browser was asked, for a command that ends then; never rejects. */
export async function visit(url: string): Promise<void> {
  try {
    const { default: open } = await import("open");
    const child = await open(url);
    child.on("error", () => {});
  } catch {
    // The address is on the screen already.
  }
}

/** True where a browser would have a screen to open on. */
export function hasDisplay({
  DISPLAY,
  WAYLAND_DISPLAY,
  SSH_CONNECTION,
  SSH_TTY,
}: Environment): boolean {
  if (process.platform !== "linux") return !SSH_CONNECTION && !SSH_TTY;
  return Boolean(DISPLAY ?? WAYLAND_DISPLAY);
}
