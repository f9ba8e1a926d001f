//! Random lives: whatever happens, the steps, what is served and the second way agree.

use tokio::task::JoinSet;
use tollgate_storage::testing::{Engine, TestDatabase};

use super::shadow::{Shadow, Standing};
use super::*;
use crate::model::period::Anchor;
use crate::model::plan::BillingCycle;
use crate::operations::book::tests::damaged;

/// One person's random life.
struct Life<'a> {
    house: &'a House,
    chance: Entropy,
    user: UserId,
    shadow: Shadow,
    holds: Vec<Aside>,
    usages: Vec<Charged>,
    checks: usize,
}

struct Charged {
    usage: UsageId,
    meter: &'static str,
    of: (Timestamp, Timestamp),
    units: i64,
}

struct Aside {
    hold: HoldId,
    meter: &'static str,
    /// The start of its period, and when it was made.
    of: (Timestamp, Timestamp),
    cost: i64,
    units: i64,
    ends: Timestamp,
}

impl<'a> Life<'a> {
    async fn begin(house: &'a House, seed: u64) -> Self {
        let user = house.somebody("many").await;
        let anchor = Anchor::new(house.clock.now(), chrono_tz::America::New_York);
        let mut shadow = Shadow::new(anchor, BillingCycle::Yearly, &METERS);
        shadow.stands("month", house.clock.now());
        Self {
            house,
            chance: Entropy::seeded(seed),
            user,
            shadow,
            holds: Vec::new(),
            usages: Vec::new(),
            checks: 0,
        }
    }

    fn below(&self, bound: i64) -> i64 {
        let bound = u64::try_from(bound).expect("a bound");
        i64::try_from(self.chance.below(bound)).expect("small")
    }

    fn meter(&self, count: i64) -> &'static str {
        METERS[usize::try_from(self.below(count)).expect("small")].0
    }

    /// Any of so many.
    fn any(&self, count: usize) -> Option<usize> {
        let bound = i64::try_from(count).expect("few");
        (count > 0).then(|| usize::try_from(self.below(bound)).expect("few"))
    }

    async fn step(&mut self) {
        let clock = &self.house.clock;
        clock.advance(Duration::from_micros(1_000 + self.chance.below(9_000_000)));
        match self.below(100) {
            0..40 => self.take(false).await,
            40..54 => self.take(true).await,
            54..66 => self.settle(true).await,
            66..72 => self.settle(false).await,
            72..79 => self.refund().await,
            79..86 => self.grant().await,
            86..92 => clock.advance(Duration::from_secs(self.chance.below(10_000))),
            92..96 => clock.advance(days(1 + self.chance.below(12))),
            96..97 => clock.advance(days(20 + self.chance.below(50))),
            _ => self.expire().await,
        }
        // What is looked at is settled: some steps go by unseen.
        if self.below(8) > 0 {
            let meter = self.meter(5);
            self.look(meter).await;
        }
    }

    async fn take(&mut self, aside: bool) {
        let (meter, cost, seconds) = (self.meter(5), 1 + self.below(6), 1 + self.below(80_000));
        let now = self.house.clock.now();
        let expected = self.shadow.take(meter, cost, aside, now);
        if aside {
            let held = self.house.reserve(self.user, meter, cost, seconds).await;
            assert_eq!(held.is_some(), expected.is_some(), "{meter} {cost}");
            if let (Some(hold), Some((period_start, units))) = (held, expected) {
                let seconds = u64::try_from(seconds).expect("seconds");
                self.holds.push(Aside {
                    hold,
                    meter,
                    of: (period_start, now),
                    cost,
                    units,
                    ends: now.after(Duration::from_secs(seconds)),
                });
            }
        } else {
            let charged = self.house.consume(self.user, meter, cost).await;
            assert_eq!(charged.is_some(), expected.is_some(), "{meter} {cost}");
            if let (Some(usage), Some((period_start, units))) = (charged, expected) {
                self.usages.push(Charged {
                    usage,
                    meter,
                    of: (period_start, now),
                    units,
                });
            }
        }
    }

    /// Commits a hold, all of it or a part, or releases it.
    async fn settle(&mut self, commit: bool) {
        let Some(place) = self.any(self.holds.len()) else {
            return;
        };
        let now = self.house.clock.now();
        let aside = &self.holds[place];
        let part = 1 + self.below(aside.cost);
        let service = &self.house.service;
        if commit {
            let cost = Cost::new(part).ok();
            let ended = service.commit_hold(aside.hold, Owner::HOST, cost).await;
            assert_eq!(
                ended.is_ok(),
                now < aside.ends,
                "{:?}",
                ended.as_ref().err()
            );
            let Ok(ended) = ended else { return };
            let aside = self.holds.swap_remove(place);
            let charged = aside.units / aside.cost * part;
            let ends = (aside.units, charged, 0);
            self.shadow.end(aside.meter, aside.of, ends, now);
            let usage = ended.usage_id.expect("charged");
            self.usages.push(Charged {
                usage,
                meter: aside.meter,
                of: aside.of,
                units: charged,
            });
        } else {
            let ended = service.release_hold(aside.hold, Owner::HOST).await;
            ended.expect("released");
            let aside = self.holds.swap_remove(place);
            let ends = (aside.units, 0, 0);
            self.shadow.end(aside.meter, aside.of, ends, now);
        }
    }

    async fn expire(&mut self) {
        let now = self.house.clock.now();
        let (over, open) = std::mem::take(&mut self.holds)
            .into_iter()
            .partition::<Vec<_>, _>(|aside| aside.ends <= now);
        self.holds = open;
        let expired = self.house.service.expire_holds().await.expect("expired");
        assert_eq!(expired, over.len());
        for aside in over {
            let ends = (aside.units, 0, 0);
            self.shadow.end(aside.meter, aside.of, ends, now);
        }
    }

    async fn refund(&mut self) {
        let Some(place) = self.any(self.usages.len()) else {
            return;
        };
        let now = self.house.clock.now();
        let charged = self.usages.swap_remove(place);
        let given = self
            .house
            .service
            .refund_usage(charged.usage, "it failed", None, None);
        given.await.expect("given back");
        let ends = (0, 0, charged.units);
        self.shadow.end(charged.meter, charged.of, ends, now);
    }

    async fn grant(&mut self) {
        let (meter, units) = (self.meter(4), 1 + self.below(40));
        let now = self.house.clock.now();
        let end = match self.below(3) {
            0 => None,
            1 => Some(now.after(Duration::from_secs(1 + self.chance.below(100_000)))),
            _ => Some(now.after(days(1 + self.chance.below(50)))),
        };
        self.house.grant(self.user, meter, units, end).await;
        self.shadow.give(meter, units, end, now);
    }

    async fn look(&mut self, meter: &'static str) {
        let explained = self.house.explained(self.user, meter).await;
        let quota = &explained.quota;
        let served = Standing {
            remaining: quota.remaining,
            used: quota.used,
            held: quota.reserved,
            resets_at: quota.resets_at,
        };
        let second = self.shadow.stands(meter, self.house.clock.now());
        assert_eq!(served, second, "{meter}: {explained:#?}");
        self.checks += 1;
    }
}

/// Databases of each engine, lives in each of them, and what happens in each.
const SHARES: [(Engine, u64, u64); 4] = [
    (Engine::Sqlite, 0, 15),
    (Engine::Sqlite, 100, 15),
    (Engine::Postgres, 200, 5),
    (Engine::Postgres, 300, 5),
];
const STEPS: usize = 300;

/// How often what is served was explained.
async fn live(engine: Engine, seed: u64, lives: u64) -> usize {
    let database = TestDatabase::new(engine).await;
    let db = database.open(&[MIGRATIONS]).await;
    let house = House::open(&db).await;
    let mut checks = 0;
    for seed in seed..seed + lives {
        let mut life = Life::begin(&house, seed).await;
        for _ in 0..STEPS {
            life.step().await;
        }
        // The next one begins when nothing of this is set aside any more.
        house.clock.advance(days(2));
        life.expire().await;
        checks += life.checks;
    }
    assert_eq!(damaged(&house.service).await, [""; 0]);
    db.close().await;
    database.remove().await;
    checks
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_q8_the_steps_add_up_to_what_is_served_whatever_happens() {
    let mut lives = JoinSet::new();
    for (engine, seed, count) in SHARES {
        lives.spawn(live(engine, seed, count));
    }
    let checks: usize = lives.join_all().await.into_iter().sum();
    assert!(checks > 10_000, "{checks}");
}
