import type { Calls, Presented } from "../calls/call.js";
import type { Verification } from "../shapes.js";
import type { Remembered } from "./remembered.js";
import { verify } from "./verify.js";

export interface StandingQuery {
  credential: Presented;
  /** One of these plans, by slug, separated by commas. */
  plan?: string;
  permission?: string;
  clientAddress?: string | undefined;
  language?: string | undefined;
}

export const standing = (calls: Calls, remembered: Remembered) => {
  const ask = verify(calls);
  return ({ language, ...query }: StandingQuery): Promise<Verification> => {
    const { credential, plan = "", permission = "", clientAddress = "" } = query;
    const question = [credential.header, credential.value, plan, permission, clientAddress];
    // No signal: several callers may wait for this one answer.
    return remembered.find(question, () => ask(query, { language }));
  };
};
