// Base URLs of the environment that point at the gateway itself. They are meant for the tools beside
// it, and a shell that has them may well start it; following them would send it its own requests
// without end. Refuses nothing: it names the variables, the caller ignores them.

import { isLoopback, type BindAddress, type Environment } from "#platform";
import { baseUrlFrom, baseUrlVariables, type Provider } from "./provider.ts";

/** The names of variables whose URL is the gateway's own address. */
export function findOwnAddress(
  providers: readonly Provider[],
  env: Environment,
  bind: BindAddress,
): readonly string[] {
  // Port 0 is not known yet; nobody can have pointed at it.
  if (bind.port === 0) return [];
  return providers.flatMap((provider) =>
    baseUrlVariables(provider).filter((name) => {
      const url = URL.parse(baseUrlFrom(provider, { [name]: env[name] }) ?? "");
      return url !== null && isLoopback(url.hostname) && Number(url.port) === bind.port;
    }),
  );
}

/** The environment without some of its variables. */
export function withoutVariables(env: Environment, names: readonly string[]): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));
}
