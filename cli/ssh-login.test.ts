// What ssh is told, and what it is never told.

import { describe, expect, test } from "bun:test";
import { sshArguments } from "./ssh-login.ts";

const login = { destination: "me@broker", provider: "openai", port: 1455, isPortGiven: false };

describe("the arguments of ssh", () => {
  test("forward the callback port, and fail when it is taken here", () => {
    expect(sshArguments(login).join(" ")).toBe(
      "-t -o ExitOnForwardFailure=yes -L 1455:127.0.0.1:1455 -- me@broker agent auth-broker login openai",
    );
  });

  test("name the port where the other side could choose another", () => {
    const args = sshArguments({ ...login, isPortGiven: true });
    expect(args.slice(-2)).toEqual(["--callback-port", "1455"]);
  });

  test("forward nothing where no browser comes back", () => {
    expect(sshArguments({ ...login, port: undefined })).not.toContain("-L");
  });
});

describe("refused is", () => {
  test.each([
    "-oProxyCommand=touch /tmp/x",
    "-o@host",
    "me@-oProxyCommand=x",
    "me@host -v",
    "me@host;id",
    "me@host\nid",
    "$(id)@host",
    "me@host:22",
    "me@%h",
    "a@b@c",
    "me@",
    "@host",
    "",
    "ssh://me@host",
  ])("the destination %j", (destination) => {
    expect(() => sshArguments({ ...login, destination })).toThrow("--via takes user@host");
  });

  test.each(["-x", "openai;id", "$(id)", "open ai", "", "mcp_oauth:x"])(
    "the provider %j, which a shell over there would read",
    (provider) => {
      expect(() => sshArguments({ ...login, provider })).toThrow("id of a provider");
    },
  );
});
