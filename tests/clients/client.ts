// What the runner needs to know of a real client: its package, how it is told of a gateway, how it is run without a
// person. A client is data and two small functions; it starts nothing itself.

import type { CallerFormatId } from "#wire";

/** One way to run a client: the dialect it then speaks, and the model it asks for. */
export interface Manner {
  readonly dialect: CallerFormatId;
  /** A name that the client knows decides which tools it offers; the gateway routes every name to the simulator. */
  readonly model: string;
  /** Set where it goes over a WebSocket, turn by turn. */
  readonly hasSocket?: true;
}

/** Where a client runs. */
export interface Surroundings {
  readonly gatewayUrl: string;
  /** The gateway's key. It goes into variables only, never into an argument. */
  readonly key: string;
  /** HOME; the client's own settings are written here. */
  readonly home: string;
  /** The folder it works in. */
  readonly work: string;
  readonly manner: Manner;
}

/** The variable that holds the gateway's key, for clients whose settings name one. */
export const KEY_VARIABLE = "KEY";

/** Arguments behind the program, and variables beside PATH, HOME and the key. */
export interface Command {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A client; to add one: a file beside these that exports it, and a line in clients.ts. */
export interface Client {
  readonly id: string;
  readonly name: string;
  readonly package: string;
  /** Exact; what it says to `--version` must contain it. */
  readonly version: string;
  readonly manners: readonly [Manner, ...Manner[]];
  /** The program in an installed `node_modules`, and what stands before its arguments. */
  program(modules: string): readonly string[];
  /** Settings to be written into HOME or the working folder, by path. */
  settings(place: Surroundings): Readonly<Record<string, string>>;
  /** The arguments that have it do `prompt` and end. */
  run(prompt: string, place: Surroundings): Command;
}
