//! The books in one table: which accounts there are, and what each business fact moves between them.
//!
//! A line moves an amount from a credit to a debit account in one currency, so a posting cannot fail
//! to balance. A debit adds to an asset or an expense, a credit to a liability or an income.
//!
//! ```
//! use tollgate_kernel::money::{Currency, Money};
//! use tollgate_payment::model::ledger::{Account, AccountKind, Fact};
//! use tollgate_payment::model::payment::PaymentMethod;
//!
//! let fact = Fact::PaymentReceived {
//!     payment: "0197f3a0-0000-7000-8000-000000000001".parse()?,
//!     rail: PaymentMethod::Alipay,
//!     amount: Money::new(9_900, Currency::CNY),
//! };
//! let [line] = fact.lines()[..] else { unreachable!() };
//! assert_eq!(line.debit, Account::of(PaymentMethod::Alipay));
//! assert_eq!(line.credit, Account::Revenue);
//! assert_eq!(line.amount.minor(), 9_900);
//! assert_eq!(Account::Revenue.kind(), AccountKind::Income);
//! # Ok::<(), tollgate_kernel::ids::InvalidId>(())
//! ```

use tollgate_kernel::ids::{PaymentId, PostingId, RefundId, SuspenseId};
use tollgate_kernel::money::Money;

use super::payment::PaymentMethod;
use super::words;

words! {
    /// What an account is.
    pub enum AccountKind {
        /// What we have: debits add to it.
        Asset = "asset",
        /// What we owe: credits add to it.
        Liability = "liability",
        /// What we earned: credits add to it.
        Income = "income",
        /// What it cost us: debits add to it.
        Expense = "expense",
    }
}

words! {
    /// An account, one for each currency and mode.
    pub enum Account {
        /// What lies with Alipay.
        ProviderAlipay = "provider.alipay",
        /// What lies with WeChat Pay.
        ProviderWechat = "provider.wechat",
        /// What lies with Stripe.
        ProviderStripe = "provider.stripe",
        /// Earned by paid orders.
        Revenue = "revenue",
        /// Given back of what was earned.
        Refunds = "refunds",
        /// Kept by providers for their work.
        Fees = "fees",
        /// Received, and not ours to keep until somebody has decided.
        Suspense = "suspense",
    }
}

impl Account {
    /// Where money of this rail lies.
    pub fn of(rail: PaymentMethod) -> Self {
        match rail {
            PaymentMethod::Alipay => Self::ProviderAlipay,
            PaymentMethod::Wechat => Self::ProviderWechat,
            PaymentMethod::Stripe => Self::ProviderStripe,
        }
    }

    /// What it is.
    pub fn kind(self) -> AccountKind {
        match self {
            Self::ProviderAlipay | Self::ProviderWechat | Self::ProviderStripe => {
                AccountKind::Asset
            }
            Self::Revenue => AccountKind::Income,
            Self::Refunds | Self::Fees => AccountKind::Expense,
            Self::Suspense => AccountKind::Liability,
        }
    }
}

words! {
    /// What a posting is about.
    pub enum CauseKind {
        /// A payment.
        Payment = "payment",
        /// A refund.
        Refund = "refund",
        /// A row of suspense.
        Suspense = "suspense",
        /// What a provider took for a payment.
        Fee = "fee",
        /// A posting or a refund that is put right.
        Correction = "correction",
    }
}

/// An amount that moves from one account to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it goes.
    pub debit: Account,
    /// Where it comes from.
    pub credit: Account,
    /// How much; above zero.
    pub amount: Money,
}

/// Something that happened to money. Each is booked once, whoever tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Verified money paid its order.
    PaymentReceived {
        /// The order.
        payment: PaymentId,
        /// By which rail.
        rail: PaymentMethod,
        /// How much.
        amount: Money,
    },
    /// Verified money that fits no payable order.
    SuspenseReceived {
        /// Where it is kept.
        suspense: SuspenseId,
        /// By which rail.
        rail: PaymentMethod,
        /// How much.
        amount: Money,
    },
    /// Money that paid its order, of which what was paid for could not be given: no longer earned,
    /// until somebody has decided. The same money as the order's [`Fact::PaymentReceived`].
    SuspenseSetAside {
        /// Where it is kept.
        suspense: SuspenseId,
        /// How much.
        amount: Money,
    },
    /// Money in suspense was taken for something after all. An order that is paid by it has no
    /// [`Fact::PaymentReceived`] of its own: the money came in once.
    SuspenseApplied {
        /// Where it was kept.
        suspense: SuspenseId,
        /// How much.
        amount: Money,
    },
    /// Money in suspense went back.
    SuspenseRefunded {
        /// The refund.
        refund: RefundId,
        /// By which rail.
        rail: PaymentMethod,
        /// How much.
        amount: Money,
    },
    /// Money of a paid order went back.
    Refunded {
        /// The refund.
        refund: RefundId,
        /// By which rail.
        rail: PaymentMethod,
        /// How much.
        amount: Money,
    },
    /// A provider says later that a refund of an order did not go through after all.
    RefundTakenBack {
        /// The refund.
        refund: RefundId,
        /// By which rail.
        rail: PaymentMethod,
        /// How much.
        amount: Money,
    },
    /// What a provider took for a payment.
    FeeCharged {
        /// The payment.
        payment: PaymentId,
        /// By which rail.
        rail: PaymentMethod,
        /// How much.
        amount: Money,
    },
    /// The operator puts a posting right. What was booked stays; this is booked beside it.
    Correction {
        /// What is put right.
        of: PostingId,
        /// Which correction of it: `first` …
        step: String,
        /// Why, in the operator's words.
        memo: String,
        /// What moves.
        lines: Vec<Line>,
    },
}

impl Fact {
    /// What it is about; with the id and [`Fact::step`] the key under which it is booked once.
    pub fn kind(&self) -> CauseKind {
        match self {
            Self::PaymentReceived { .. } => CauseKind::Payment,
            Self::SuspenseReceived { .. }
            | Self::SuspenseSetAside { .. }
            | Self::SuspenseApplied { .. } => CauseKind::Suspense,
            Self::SuspenseRefunded { .. } | Self::Refunded { .. } => CauseKind::Refund,
            Self::FeeCharged { .. } => CauseKind::Fee,
            Self::RefundTakenBack { .. } | Self::Correction { .. } => CauseKind::Correction,
        }
    }

    /// Which step in the life of its cause.
    pub fn step(&self) -> &str {
        match self {
            // Two ways into suspense, and money takes one of them.
            Self::PaymentReceived { .. }
            | Self::SuspenseReceived { .. }
            | Self::SuspenseSetAside { .. } => "received",
            Self::SuspenseApplied { .. } => "applied",
            Self::SuspenseRefunded { .. } | Self::Refunded { .. } => "succeeded",
            Self::RefundTakenBack { .. } => "taken_back",
            Self::FeeCharged { .. } => "charged",
            Self::Correction { step, .. } => step,
        }
    }

    /// For who reads the books.
    pub fn memo(&self) -> &str {
        match self {
            Self::PaymentReceived { .. } => "an order was paid",
            Self::SuspenseReceived { .. } => "money that fits no payable order",
            Self::SuspenseSetAside { .. } => "what the order was for could not be given",
            Self::SuspenseApplied { .. } => "taken out of suspense",
            Self::SuspenseRefunded { .. } => "returned out of suspense",
            Self::Refunded { .. } => "money of an order went back",
            Self::RefundTakenBack { .. } => "a refund did not go through after all",
            Self::FeeCharged { .. } => "what the provider took",
            Self::Correction { memo, .. } => memo,
        }
    }

    /// What it moves.
    pub fn lines(&self) -> Vec<Line> {
        let line = |debit, credit, amount: &Money| {
            vec![Line {
                debit,
                credit,
                amount: *amount,
            }]
        };
        match self {
            Self::PaymentReceived { rail, amount, .. } => {
                line(Account::of(*rail), Account::Revenue, amount)
            }
            Self::SuspenseReceived { rail, amount, .. } => {
                line(Account::of(*rail), Account::Suspense, amount)
            }
            Self::SuspenseSetAside { amount, .. } => {
                line(Account::Revenue, Account::Suspense, amount)
            }
            Self::SuspenseApplied { amount, .. } => {
                line(Account::Suspense, Account::Revenue, amount)
            }
            Self::SuspenseRefunded { rail, amount, .. } => {
                line(Account::Suspense, Account::of(*rail), amount)
            }
            Self::Refunded { rail, amount, .. } => {
                line(Account::Refunds, Account::of(*rail), amount)
            }
            Self::RefundTakenBack { rail, amount, .. } => {
                line(Account::of(*rail), Account::Refunds, amount)
            }
            Self::FeeCharged { rail, amount, .. } => {
                line(Account::Fees, Account::of(*rail), amount)
            }
            Self::Correction { lines, .. } => lines.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use proptest::prelude::*;
    use tollgate_kernel::clock::Clock;
    use tollgate_kernel::entropy::Entropy;
    use tollgate_kernel::ids::Ids;
    use tollgate_kernel::money::Currency;

    use super::*;

    /// One of each kind.
    fn facts(ids: &Ids, rail: PaymentMethod, amount: Money) -> Vec<Fact> {
        let line = Line {
            debit: Account::Fees,
            credit: Account::Revenue,
            amount,
        };
        vec![
            Fact::PaymentReceived {
                payment: ids.next(),
                rail,
                amount,
            },
            Fact::SuspenseReceived {
                suspense: ids.next(),
                rail,
                amount,
            },
            Fact::SuspenseSetAside {
                suspense: ids.next(),
                amount,
            },
            Fact::SuspenseApplied {
                suspense: ids.next(),
                amount,
            },
            Fact::SuspenseRefunded {
                refund: ids.next(),
                rail,
                amount,
            },
            Fact::Refunded {
                refund: ids.next(),
                rail,
                amount,
            },
            Fact::RefundTakenBack {
                refund: ids.next(),
                rail,
                amount,
            },
            Fact::FeeCharged {
                payment: ids.next(),
                rail,
                amount,
            },
            Fact::Correction {
                of: ids.next(),
                step: "first".to_owned(),
                memo: "typed wrongly".to_owned(),
                lines: vec![line],
            },
        ]
    }

    /// A changed rule is a visible diff.
    #[test]
    fn inv_l1_what_each_fact_moves() {
        let ids = Ids::new(Clock::system(), Entropy::seeded(1));
        let mut table = String::new();
        for account in Account::ALL {
            writeln!(
                table,
                "{:<16} {}",
                account.as_str(),
                account.kind().as_str()
            )
            .expect("a String grows");
        }
        for fact in facts(
            &ids,
            PaymentMethod::Alipay,
            Money::new(9_900, Currency::CNY),
        ) {
            for line in fact.lines() {
                writeln!(
                    table,
                    "{:<10} {:<10} debit {:<15} credit {:<15} {}",
                    fact.kind().as_str(),
                    fact.step(),
                    line.debit.as_str(),
                    line.credit.as_str(),
                    fact.memo()
                )
                .expect("a String grows");
            }
        }
        insta::assert_snapshot!(table);
    }

    proptest! {
        /// Random sequences of facts against a second model that only knows what a cashier knows:
        /// how much lies with each provider, and to whom it belongs.
        #[test]
        fn inv_l1_random_facts_leave_what_a_cashier_counts(
            steps in proptest::collection::vec((0_usize..8, 0_usize..3, 1_i64..1_000_000), 0..60)
        ) {
            let ids = Ids::new(Clock::system(), Entropy::seeded(1));
            let mut balances: BTreeMap<Account, i64> = BTreeMap::new();
            let (mut drawers, mut earned, mut kept) = ([0_i64; 3], 0_i64, 0_i64);
            for (index, rail, minor) in steps {
                let method = PaymentMethod::ALL[rail];
                let fact = facts(&ids, method, Money::new(minor, Currency::CNY)).swap_remove(index);
                match index {
                    0 => { drawers[rail] += minor; earned += minor; }
                    1 => { drawers[rail] += minor; kept += minor; }
                    2 => { earned -= minor; kept += minor; }
                    3 => { earned += minor; kept -= minor; }
                    4 => { drawers[rail] -= minor; kept -= minor; }
                    5 | 7 => { drawers[rail] -= minor; earned -= minor; }
                    _ => { drawers[rail] += minor; earned += minor; }
                }
                for line in fact.lines() {
                    *balances.entry(line.debit).or_default() += line.amount.minor();
                    *balances.entry(line.credit).or_default() -= line.amount.minor();
                }
                let balance = |account: Account| balances.get(&account).copied().unwrap_or(0);
                prop_assert_eq!(balances.values().sum::<i64>(), 0);
                for (drawer, method) in drawers.iter().zip(PaymentMethod::ALL) {
                    prop_assert_eq!(balance(Account::of(*method)), *drawer);
                }
                prop_assert_eq!(-balance(Account::Suspense), kept);
                let result = -balance(Account::Revenue) - balance(Account::Refunds) - balance(Account::Fees);
                prop_assert_eq!(result, earned);
            }
        }
    }
}
