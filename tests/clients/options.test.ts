// The command line of the runner: what is chosen, and what is refused with the list of what there is.

import { describe, expect, test } from "bun:test";
import { clients } from "./clients.ts";
import { HELP, OptionError, parseOptions, UPSTREAMS } from "./options.ts";

const ROOT = "/home/someone/parley";
const idsOf = (args: readonly string[]) => parseOptions(args, ROOT).clients.map(({ id }) => id);

test("without arguments every client meets every dialect of upstream", () => {
  const { upstreams, isHelp } = parseOptions([], ROOT);
  expect(idsOf([])).toEqual(clients.map(({ id }) => id));
  expect(upstreams).toEqual(UPSTREAMS);
  expect(isHelp).toBe(false);
});

test("clients and dialects are chosen by name, each as often as one likes", () => {
  expect(idsOf(["--client", "pi", "--client", "codex"]).toSorted()).toEqual(["codex", "pi"]);
  expect(parseOptions(["--upstream=generate"], ROOT).upstreams).toEqual(["generate"]);
});

test("the help names every client and every dialect", () => {
  for (const id of [...clients.map((client) => client.id), ...UPSTREAMS]) {
    expect(HELP).toContain(id);
  }
  expect(parseOptions(["-h"], ROOT).isHelp).toBe(true);
});

describe("is refused", () => {
  test.each([
    [["--client", "cluade"], 'there is no "cluade"; there are claude-code, codex, opencode, pi'],
    [
      ["--upstream", "gemini"],
      'there is no "gemini"; there are chat, responses, messages, generate',
    ],
    [["--folder", `${ROOT}/node_modules`], "inside the repository"],
    [["--folder", ROOT], "inside the repository"],
    [["--forlder", "/tmp/x"], "--forlder"],
    [["codex"], "codex"],
  ])("%p", (args, message) => {
    expect(() => parseOptions(args, ROOT)).toThrow(OptionError);
    expect(() => parseOptions(args, ROOT)).toThrow(message);
  });
});

test("a folder whose name only begins like the repository's is outside of it", () => {
  expect(parseOptions(["--folder", `${ROOT}-clients`], ROOT).folder).toBe(`${ROOT}-clients`);
});
