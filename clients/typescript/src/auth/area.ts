import type { Calls } from "../calls/call.js";
import type { Checked } from "../settings.js";
import { identify } from "./identify.js";
import { introspect } from "./introspect.js";
import { KeyRing } from "./key-ring.js";
import { login, loginSecondFactor } from "./login.js";
import { logout } from "./logout.js";
import { me } from "./me.js";
import { refresh } from "./refresh.js";
import { register } from "./register.js";
import { Remembered } from "./remembered.js";
import { standing } from "./standing.js";
import { verify } from "./verify.js";

export type Auth = ReturnType<typeof authArea>;

export function authArea(calls: Calls, settings: Checked) {
  const remembered = new Remembered(settings.keyCacheSeconds);
  const asked = standing(calls, remembered);
  return {
    /** Opens an account. Sent once: whoever hears nothing signs in to see. */
    register: register(calls),
    /** Signs in. With a second factor set up: `PermissionDenied` whose problem has a `challenge_token`. */
    login: login(calls),
    /** The second half of such a sign-in. */
    loginSecondFactor: loginSecondFactor(calls),
    /** New tokens for a refresh token. */
    refresh: refresh(calls),
    /** Ends the sign-in. */
    logout: logout(calls),
    /** The account, with `expand: "subscription"` what it has. */
    me: me(calls),
    /** Whose credential it is, and whether they may do what is named. Asks the service each time. */
    verify: verify(calls),
    /** What a token is good for (RFC 7662). Takes a service key with the scope `introspect`. */
    introspect: introspect(calls),
    /** Who bears a credential: access tokens are verified here, keys are asked for and remembered. */
    identify: identify(new KeyRing(calls, settings), asked),
    /** As `verify`; a yes is believed for `keyCacheSeconds`, a no never. */
    standing: asked,
  };
}
