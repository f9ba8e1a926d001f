// Names for what goes over the wire, taken from the generated schema; fields keep the spelling they have there.
import type { components, paths } from "./schema.js";

type Shapes = components["schemas"];

/** What a GET takes in its query. */
export type QueryOf<Path extends keyof paths> = paths[Path] extends { get: { parameters: { query?: infer Query } } }
  ? Exclude<Query, undefined>
  : never;

export type User = Shapes["UserShape"];
export type Tokens = Shapes["TokensShape"];
export type KeySet = Shapes["KeySet"];
/** What the service says of itself (RFC 8414). */
export type ServerMetadata = Shapes["Metadata"];
export type Introspection = Shapes["IntrospectionShape"];
export type Plan = Shapes["PlanShape"];
export type PlanList = Shapes["PlanList"];
export type Quote = Shapes["QuoteShape"];
export type Subscription = Shapes["SubscriptionShape"];
export type Transaction = Shapes["TransactionShape"];
export type Checkout = Shapes["CheckoutShape"];
export type Refund = Shapes["RefundShape"];
export type Quota = Shapes["QuotaShape"];
export type QuotaCheck = Shapes["CheckShape"];
export type Consumed = Shapes["ConsumeShape"];
export type Reservation = Shapes["HoldShape"];
export type Settled = Shapes["SettledShape"];
export type UnitRefund = Shapes["UnitRefundShape"];
export type UsageLog = Shapes["UsageLogShape"];
export type UsageSummary = Shapes["UsageSummaryShape"];
export type UsageSeries = Shapes["UsageSeriesShape"];
export type Explanation = Shapes["ExplainShape"];

// In the schema what they have is an object of any shape; here it is named.

/** The account, and with `expand: "subscription"` what it has. */
export type Me = Omit<Shapes["MeShape"], "subscription"> & { subscription?: Subscription | null };

/** Whose credential it is, and what they may use. */
export type Verification = Omit<Shapes["Verification"], "subscription" | "quota"> & {
  subscription?: Subscription | null;
  quota?: Quota | null;
};

export type RegisterBody = Shapes["RegisterBody"];
export type LoginBody = Shapes["LoginBody"];
export type SecondFactorBody = Shapes["SecondHalfBody"];
export type RefreshBody = Pick<Shapes["RefreshBody"], "refresh_token">;
export type LogoutBody = Shapes["LogoutBody"];
export type IntrospectBody = Pick<Shapes["TokenBody"], "token">;
export type QuoteBody = Shapes["QuoteBody"];
export type SubscribeBody = Shapes["SubscribeBody"];
export type RenewBody = Shapes["RenewBody"];
export type CancelBody = Shapes["CancelBody"];
export type CreatePaymentBody = Shapes["CreatePaymentBody"];
export type RefundBody = Shapes["RefundBody"];
export type ConsumeBody = Shapes["ConsumeBody"];
export type ReserveBody = Shapes["ReserveBody"];
export type CommitBody = Shapes["CommitBody"];
export type ReleaseBody = Shapes["ReleaseBody"];
export type ExtendBody = Shapes["ExtendBody"];
export type UnitRefundBody = Shapes["UnitRefundBody"];
