// Where a gateway of several processes refuses to be one.

import { expect, test } from "bun:test";
import { adoptConfig, createLogger } from "#platform";
import { gatewayKeys } from "../config.ts";
import { startPrimary } from "./primary.ts";

test.each(["darwin", "win32"])(
  "on %s several workers are refused, and what to do is said",
  async (platform) => {
    const values = Object.fromEntries(gatewayKeys.map((key) => [key.name, key.default]));
    const starting = startPrimary(
      {
        config: adoptConfig(gatewayKeys, { ...values, "gateway.workers": 4 }),
        env: {},
        log: createLogger({ level: "silent" }),
        credentials: { entries: () => [], fresh: () => Promise.reject(new Error("there is none")) },
        environmentKeys: new Map(),
      },
      { platform },
    );
    const error: unknown = await starting.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "workers_unsupported",
      message: `gateway.workers is 4: several workers need Linux, and this is ${platform}`,
      fix: expect.stringContaining("gateway.workers to 1"),
    });
  },
);
