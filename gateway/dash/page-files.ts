// The files of the page, read and stripped of their types when they are first asked for. What is not in the list is not
// served; no path of a request ever reaches the disk.

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** One file as browsers get it. */
export interface PageFile {
  /** Path of the URL. */
  readonly path: string;
  readonly contentType: string;
  read(): string;
}

const TYPES = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  ts: "text/javascript; charset=utf-8",
} as const;

const FILES = [
  ["/dash", "index.html"],
  ["/dash/", "index.html"],
  ["/dash/page.css", "page.css"],
  ["/dash/icon.svg", "icon.svg"],
  ["/dash/page.ts", "page.ts"],
  ["/dash/element.ts", "element.ts"],
  ["/dash/numbers.ts", "numbers.ts"],
  ["/dash/plot.ts", "plot.ts"],
  ["/dash/session.ts", "session.ts"],
  ["/dash/tables.ts", "tables.ts"],
] as const;

/** All of them. */
export const pageFiles: readonly PageFile[] = FILES.map(([path, name]) => {
  const [, extension = ""] = name.split(".");
  let text: string | undefined;
  return {
    path,
    contentType: TYPES[extension as keyof typeof TYPES],
    read: () => (text ??= load(name)),
  };
});

function load(name: string): string {
  const source = readFileSync(join(import.meta.dir, "page", name), "utf8");
  if (!name.endsWith(".ts")) return source;
  return new Bun.Transpiler({ loader: "ts", target: "browser" }).transformSync(source);
}
