// How a login shows itself at a terminal: the address, the browser, a prompt for what it ended at, and a line
// that says how long there is left. Everything goes to stderr; nothing that was pasted is repeated.

import type { LoginPrompts } from "#broker";
import { openBrowser } from "./browser.ts";
import type { CommandContext } from "./command.ts";
import { askLine, canAsk } from "./terminal.ts";

/** The prompts of one login, and the way to clear the line they left. */
export interface TerminalPrompts extends LoginPrompts, Disposable {}

/** Prompts at the terminal of a command. */
export function terminalPrompts(context: CommandContext): TerminalPrompts {
  const waiting = new WaitingLine(context);
  return {
    visit: ({ url, code }) => {
      const isOpened = openBrowser(url, context.env);
      context.stderr(
        `${isOpened ? "A browser opens. If not, go to" : "Open this address"}:\n\n  ${url}\n\n`,
      );
      if (code !== undefined) context.stderr(`and enter the code  ${code}\n\n`);
      if (code !== undefined || !canAsk()) waiting.start();
    },
    ...(canAsk() && { paste }),
    explain: (problem) => context.stderr(`${problem}\n`),
    [Symbol.dispose]: () => waiting.stop(),
  };
}

const paste = (signal: AbortSignal): Promise<string> =>
  askLine("Waiting. If the browser runs elsewhere, paste the address it ends at: ", signal);

const TICK_MS = 1000;

/** Says how long it has been waiting; on a terminal once a second, else once. */
class WaitingLine {
  readonly #context: CommandContext;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  start(): void {
    const text = "Waiting for you to allow it; Ctrl-C gives up.";
    if (!this.#context.isTty) return this.#context.stderr(`${text}\n`);
    const startedMs = performance.now();
    const draw = () => {
      const seconds = Math.round((performance.now() - startedMs) / 1000);
      this.#context.stderr(`\r\u001b[K${text} ${seconds} s`);
    };
    draw();
    this.#timer = setInterval(draw, TICK_MS);
  }

  stop(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#context.stderr("\r\u001b[K");
  }
}
