import type { Quota } from "../shapes.js";

/** How the meter stands, as the service's own answers tell it; nothing of what is unlimited. */
export function quotaHeaders(quota: Quota | undefined): [name: string, value: string][] {
  if (quota?.limit == null || quota.remaining == null) return [];
  const headers: [string, string][] = [
    ["x-quota-limit", String(quota.limit)],
    ["x-quota-used", String(quota.used)],
    ["x-quota-remaining", String(quota.remaining)],
  ];
  const seconds = Math.ceil((Date.parse(quota.resets_at) - Date.now()) / 1000);
  if (Number.isFinite(seconds)) headers.push(["x-quota-reset", String(Math.max(0, seconds))]);
  return headers;
}
