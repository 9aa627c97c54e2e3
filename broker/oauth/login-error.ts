// What goes wrong between a provider and a login, as stable codes.
// No message holds a code, a token, a verifier or anything else that was sent to authenticate.

import { BrokerError } from "../errors.ts";

/** Why a login did not end in a credential. */
export type LoginErrorCode =
  | "callback_port_in_use"
  | "callback_unavailable"
  | "id_token_invalid"
  | "login_expired"
  | "login_input_unusable"
  | "login_interrupted"
  | "login_mix_up"
  | "login_not_permitted"
  | "login_refused"
  | "login_unreachable"
  | "own_app_required"
  | "token_answer_unusable";

/** A login failed; nothing was stored. */
export class LoginError extends BrokerError {
  declare readonly code: LoginErrorCode;

  constructor(
    code: LoginErrorCode,
    message: string,
    options: { fix?: string; cause?: unknown } = {},
  ) {
    super(code, message, options);
  }
}
