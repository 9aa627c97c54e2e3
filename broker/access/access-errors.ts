// The errors of tokens and scopes. No message holds a token or a part of one.

import { BrokerError } from "../errors.ts";

/** A name, permission, scope or time for a client token was refused; nothing was changed. */
export class AccessInputError extends BrokerError {}
