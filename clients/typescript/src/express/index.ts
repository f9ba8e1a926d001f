export { consumeQuota } from "./consume-quota.js";
export { requireAuth } from "./require-auth.js";
export { requirePermission } from "./require-permission.js";
export { requireSubscription } from "./require-subscription.js";
export { callerOf, holdOf, subscriptionOf } from "./known.js";
export type { MiddlewareTerms } from "./middleware.js";
export type { Middleware, Next, RequestLike, ResponseLike } from "./shapes.js";
