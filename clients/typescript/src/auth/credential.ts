import type { Presented } from "../calls/call.js";
import { BadRequest } from "../errors.js";

/** The header's values, joined by commas if there are several. */
export type HeaderOf = (name: string) => string | null | undefined;

/** The one credential of a request; `undefined`: none. Other schemes than Bearer are not ours to judge. */
export function presentedBy(header: HeaderOf): Presented | undefined {
  const bearer = /^bearer +(\S.*)$/i.exec(header("authorization")?.trim() ?? "")?.[1]?.trim();
  const key = header("x-api-key")?.trim();
  if (bearer !== undefined && key && bearer !== key) {
    throw new BadRequest({ code: "two_credentials", status: 400, message: "Two different credentials" });
  }
  if (key) return { header: "x-api-key", value: key };
  if (bearer !== undefined) return { header: "authorization", value: `Bearer ${bearer}` };
  return undefined;
}
