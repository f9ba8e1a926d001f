// Holds an answer back, from the moment its status is known, until its units are settled by that status.
//
// The handler notices nothing: while the answer waits, calls that would send something are kept in their order and made
// afterwards; `headersSent` says yes and headers are fixed, as they would be. The wrappers stay in place when they
// are done, since others (compression) may have wrapped them in the meantime.
import type { HeldUnits } from "../guards/held-units.js";
import { quotaHeaders } from "../guards/quota-headers.js";
import type { ResponseLike } from "./shapes.js";

const SENDING = ["writeHead", "flushHeaders", "write", "end"] as const;
const HEADING = ["setHeader", "appendHeader", "removeHeader"] as const;

export function settleBeforeAnswer(response: ResponseLike, units: HeldUnits, log: Log): void {
  const waiting: (() => unknown)[] = [];
  let toldToWait = false;
  let stand: "open" | "settling" | "settled" = "open";

  const settle = (status: number): void => {
    stand = "settling";
    void units.answered(status).then((quota) => {
      stand = "settled";
      try {
        if (!response.headersSent) for (const [name, value] of quotaHeaders(quota)) response.setHeader(name, value);
        let isDrained = true;
        for (const call of waiting) isDrained = call() !== false;
        // Whoever was told to wait is told to go on; if there is more to wait for, the response says so itself.
        if (toldToWait && isDrained) response.emit("drain");
      } catch (error) {
        log("an answer could not be sent", { error });
        response.destroy(error);
      }
    });
  };

  for (const name of SENDING) {
    const original = response[name];
    if (original === undefined) continue;
    response[name] = function (this: unknown, ...args: unknown[]): unknown {
      if (stand === "settled") return original.apply(response, args);
      if (stand === "open") settle(name === "writeHead" ? Number(args[0]) : response.statusCode);
      waiting.push(() => original.apply(response, args));
      if (name !== "write") return response;
      toldToWait = true;
      return false;
    };
  }
  for (const name of HEADING) {
    const original = response[name];
    if (original === undefined) continue;
    response[name] = function (this: unknown, ...args: unknown[]): unknown {
      if (stand === "settling") throw tooLate();
      return original.apply(response, args);
    };
  }
  const prototype: object = Object.getPrototypeOf(response) as object;
  Object.defineProperty(response, "headersSent", {
    configurable: true,
    get: () => stand === "settling" || Reflect.get(prototype, "headersSent", response) === true,
  });
  // Comes after every answer, too: by then there is nothing left to give back.
  response.on("close", () => void units.giveBack());
}

type Log = (message: string, details: Record<string, unknown>) => void;

function tooLate(): Error {
  const error = new Error("Cannot set headers after they are sent to the client");
  return Object.assign(error, { code: "ERR_HTTP_HEADERS_SENT" });
}
