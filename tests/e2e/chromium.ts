// Debian's Chromium, driven over its own protocol: tabs that go somewhere, run JavaScript, take keys and sizes, and keep
// whatever the page complained about. Knows no page of ours.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environment } from "#platform";

/** Where a Chromium is; undefined where there is none. */
export const chromiumPath = ["chromium", "chromium-browser", "google-chrome"]
  .map((name) => Bun.which(name))
  .find((path) => path !== null);

/** Longest wait for anything a page does, in ms. */
const PATIENCE_MS = 30_000;

/** One tab. */
export interface Tab {
  /** Errors of scripts, of the console, and of the content security policy. */
  readonly complaints: readonly string[];
  goto(url: string): Promise<void>;
  /** The value of an expression, awaited; it must be JSON. */
  evaluate<T>(expression: string): Promise<T>;
  /** Waits until an expression is true. */
  until(expression: string): Promise<void>;
  /** Presses and lets go of a key, by its name in KeyboardEvent. */
  press(key: string): Promise<void>;
  setSize(width: number, height: number): Promise<void>;
  /** Media features, such as prefers-color-scheme. */
  setMedia(features: Readonly<Record<string, string>>): Promise<void>;
  /** The whole page as PNG. */
  screenshot(): Promise<Uint8Array>;
}

/** A running browser. */
export interface Chromium {
  newTab(): Promise<Tab>;
  stop(): Promise<void>;
}

/** Starts one without a window, in a profile of its own. */
export async function startChromium(path: string): Promise<Chromium> {
  const profile = mkdtempSync(join(tmpdir(), "parley-chromium-"));
  const child = Bun.spawn(
    [
      path,
      "--headless=new",
      // In a container the user is root, and there is no other sandbox to be had.
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      // A test asks nobody but the server it has started.
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-quic",
      "--hide-scrollbars",
      `--user-data-dir=${profile}`,
      "--remote-debugging-port=0",
      "about:blank",
    ],
    { env: { ...environment(), HOME: profile }, stdout: "ignore", stderr: "pipe" },
  );
  const stop = async () => {
    child.kill("SIGKILL");
    await child.exited;
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  };
  try {
    const connection = await Connection.open(await addressIn(child.stderr));
    // Asked to close it ends its own children too.
    const close = async () => {
      await connection.call("Browser.close");
      await Promise.race([child.exited, Bun.sleep(5_000)]);
      await stop();
    };
    return { newTab: () => openTab(connection), stop: close };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function addressIn(stderr: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stderr) {
    text += decoder.decode(chunk, { stream: true });
    const [, address] = /DevTools listening on (ws:\/\/\S+)/.exec(text) ?? [];
    if (address) return address;
  }
  throw new Error(`Chromium did not start: ${text.slice(-500)}`);
}

type Fields = Record<string, unknown>;
type Listener = (params: Fields) => void;

/** Calls and events of the DevTools protocol on one socket. */
class Connection {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (message: Fields) => void>();
  readonly #listeners = new Map<string, Listener>();
  #last = 0;

  static open(address: string): Promise<Connection> {
    const socket = new WebSocket(address);
    return new Promise((resolve, reject) => {
      socket.addEventListener("open", () => resolve(new Connection(socket)));
      socket.addEventListener("error", () => reject(new Error("no connection to Chromium")));
    });
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const message = JSON.parse(String(data)) as Fields;
      if (typeof message["id"] === "number") this.#waiting.get(message["id"])?.(message);
      else this.#listeners.get(String(message["sessionId"]))?.(message);
    });
  }

  on(sessionId: string, listener: Listener): void {
    this.#listeners.set(sessionId, listener);
  }

  call(method: string, params: Fields = {}, sessionId?: string): Promise<Fields> {
    this.#last += 1;
    const id = this.#last;
    this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) }));
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        this.#waiting.delete(id);
        if (error) reject(new Error(`${method}: ${JSON.stringify(error)}`));
        else resolve(result as Fields);
      });
    });
  }
}

async function openTab(connection: Connection): Promise<Tab> {
  const { targetId } = await connection.call("Target.createTarget", { url: "about:blank" });
  const attached = await connection.call("Target.attachToTarget", { targetId, flatten: true });
  const sessionId = String(attached["sessionId"]);
  const call = (method: string, params?: Fields) => connection.call(method, params, sessionId);
  const complaints: string[] = [];
  connection.on(sessionId, (event) => complaints.push(...complaintsIn(event)));
  for (const domain of ["Page", "Runtime", "Log"]) await call(`${domain}.enable`);

  const evaluate = async <T>(expression: string): Promise<T> => {
    const answer = await call("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (answer["exceptionDetails"]) throw new Error(JSON.stringify(answer["exceptionDetails"]));
    return (answer["result"] as { value: T }).value;
  };
  const until = async (expression: string) => {
    const deadline = performance.now() + PATIENCE_MS;
    // A page that is on its way elsewhere has nothing to ask yet.
    const holds = () => evaluate<boolean>(`Boolean(${expression})`).catch(() => false);
    while (!(await holds())) {
      if (performance.now() > deadline) throw new Error(`not so in time: ${expression}`);
      await Bun.sleep(20);
    }
  };
  return {
    complaints,
    evaluate,
    until,
    goto: async (url) => {
      await call("Page.navigate", { url });
      await until("document.readyState === 'complete'");
    },
    press: async (key) => {
      const [windowsVirtualKeyCode = 0, text] = KEYS[key] ?? [];
      const pressed = { key, code: key, windowsVirtualKeyCode, ...(text && { text }) };
      await call("Input.dispatchKeyEvent", { type: "keyDown", ...pressed });
      await call("Input.dispatchKeyEvent", { type: "keyUp", key, code: key });
    },
    setSize: async (width, height) => {
      const metrics = { width, height, deviceScaleFactor: 1, mobile: false };
      await call("Emulation.setDeviceMetricsOverride", metrics);
    },
    setMedia: async (features) => {
      const list = Object.entries(features).map(([name, value]) => ({ name, value }));
      await call("Emulation.setEmulatedMedia", { features: list });
    },
    screenshot: async () => {
      const { data } = await call("Page.captureScreenshot", { captureBeyondViewport: true });
      return new Uint8Array(Buffer.from(String(data), "base64"));
    },
  };
}

const KEYS: Readonly<Record<string, readonly [code: number, text?: string]>> = {
  Tab: [9],
  Enter: [13, "\r"],
  " ": [32, " "],
  End: [35],
  Home: [36],
  ArrowLeft: [37],
  ArrowUp: [38],
  ArrowRight: [39],
  ArrowDown: [40],
};

function complaintsIn({ method, params }: Fields): string[] {
  const about = JSON.stringify(params);
  if (method === "Runtime.exceptionThrown") return [about];
  if (method === "Log.entryAdded" && about.includes('"level":"error"')) return [about];
  return method === "Runtime.consoleAPICalled" && about.includes('"type":"error"') ? [about] : [];
}
