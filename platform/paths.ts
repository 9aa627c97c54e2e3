// Where this program keeps its files. Refuses to create anything: private-file.ts does that.

import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Environment } from "./env.ts";

/** The variable that moves the home directory. */
export const HOME_VARIABLE = "PARLEY_HOME";

/** The directory, in a home or in a project, that holds a configuration file. */
export const DOT_DIRECTORY = ".parley";

/** The configuration file's name inside the home directory or a project's dot directory. */
export const CONFIG_FILE = "config.yml";

/** Absolute path of the home directory: $PARLEY_HOME, or `.parley` in the user's home. */
export function homeDirectory(env: Environment): string {
  const chosen = env[HOME_VARIABLE];
  if (!chosen) return defaultHomeDirectory(env);
  // A shell leaves a quoted tilde alone; without this it would become a directory named "~".
  return chosen === "~" || chosen.startsWith("~/")
    ? join(userHome(env), chosen.slice(1))
    : resolve(chosen);
}

/** Where the home directory is when nothing moves it. */
export function defaultHomeDirectory(env: Environment): string {
  return join(userHome(env), DOT_DIRECTORY);
}

/** The configuration file the operator owns, `config.yml` in the home directory. */
export function homeConfigFile(env: Environment): string {
  return join(homeDirectory(env), CONFIG_FILE);
}

function userHome(env: Environment): string {
  return resolve(env.HOME || homedir());
}
