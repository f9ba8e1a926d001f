//! Home: on the first day, with everything amiss, and for those who see little of it.

use tollgate_payment::model::payment::PaymentMethod;
use tollgate_payment::model::stats::{Turnover, rate};
use tollgate_payment::shapes::{
    CurrencyOverviewShape, PeopleShape, PointShape, RailOverviewShape, RevenuePointShape,
    RevenueSeriesShape, SeriesShape, TurnoverShape,
};

use super::super::super::super::samples::{HOSTILE, languages, render};
use super::super::samples::{self, time};
use super::*;

fn turnover(minor: i64, currency: Currency) -> TurnoverShape {
    (&Turnover::paid(Money::new(minor, currency), 1)).into()
}

fn overview(currencies: &[Currency]) -> OverviewShape {
    let one = |currency: &Currency| CurrencyOverviewShape {
        currency: currency.code().to_owned(),
        mrr: Money::new(1_234_567_800, *currency).into(),
        mrr_before: Money::new(0, *currency).into(),
        revenue: turnover(99_000, *currency),
        paying: 1_234,
        lifetime: 7,
        paying_before: 1_200,
        churned: 38,
        new: 72,
        churn_rate: rate(38, 1_200),
    };
    let rails = PaymentMethod::ALL.iter().map(|method| RailOverviewShape {
        payment_method: *method,
        currency: "CNY".to_owned(),
        completed: 39,
        failed: 1,
        expired: 4,
        open: 2,
        success_rate: rate(39, 40),
    });
    OverviewShape {
        from: time(0),
        to: time(720),
        currencies: currencies.iter().map(one).collect(),
        people: PeopleShape {
            entitled: 2_000,
            trialing: 3,
            began: 80,
            converted: 20,
            conversion_rate: rate(20, 80),
        },
        rails: rails.take(currencies.len() * 3).collect(),
    }
}

fn revenue(currencies: &[Currency]) -> RevenueShape {
    let line = |(at, currency): (usize, &Currency), method: &PaymentMethod| RevenueSeriesShape {
        payment_method: *method,
        currency: currency.code().to_owned(),
        total: turnover(297_000, *currency),
        points: (0..30_usize)
            .map(|day| RevenuePointShape {
                t: time(24 * day),
                turnover: turnover(
                    i64::try_from((day + at) % 5).expect("few") * 9_900,
                    *currency,
                ),
            })
            .collect(),
    };
    let lines = currencies.iter().enumerate();
    RevenueShape {
        interval: "day".to_owned(),
        tz: "Asia/Shanghai".to_owned(),
        series: lines
            .flat_map(|one| {
                PaymentMethod::ALL
                    .iter()
                    .map(move |method| line(one, method))
            })
            .collect(),
    }
}

fn usage() -> UsageSeriesShape {
    let line = |key: &str| SeriesShape {
        key: key.to_owned(),
        points: (0..30_usize)
            .map(|day| PointShape {
                t: time(24 * day),
                quota_cost: 1_000,
                count: 3,
            })
            .collect(),
    };
    UsageSeriesShape {
        interval: "day".to_owned(),
        tz: "Asia/Shanghai".to_owned(),
        series: ["film", HOSTILE, "other"].map(line).into(),
    }
}

#[test]
fn home_renders_from_its_samples() {
    let nothing_done = Done([false, false, false, true]);
    let all_amiss = Attention {
        late_orders: 1,
        refunds_in_doubt: 2,
        suspense: 3,
        failed_deliveries: 4,
        disabled_endpoints: 5,
        dead_jobs: 100,
        damaged_rows: 6,
    };
    let warnings = vec![
        Warning::Expires {
            variable: "WECHAT_CERT_PATH",
            at: time(0),
            within_days: 0,
        },
        Warning::Expires {
            variable: "ALIPAY_CERT_PATH",
            at: time(100),
            within_days: 7,
        },
        Warning::Unrooted {
            variable: "ALIPAY_CERT_PATH",
        },
        Warning::Replaced {
            variable: "WECHAT_CERT_PATH",
            number: HOSTILE.to_owned(),
        },
    ];
    let both = [Currency::CNY, Currency::USD];
    for (tag, language) in languages() {
        let frame = || samples::frame(language, "console.home");
        let first_day = Facts {
            steps: Some(nothing_done),
            attention: Some((Attention::default(), Vec::new())),
            overview: Some((overview(&[]), revenue(&[]))),
            usage: Some(UsageSeriesShape {
                series: Vec::new(),
                ..usage()
            }),
        };
        render(
            &format!("console-home-0-{tag}"),
            &shown(frame(), &first_day, true),
        );
        let busy = Facts {
            steps: None,
            attention: Some((all_amiss, warnings.clone())),
            overview: Some((overview(&both), revenue(&both))),
            usage: Some(usage()),
        };
        let page = shown(frame(), &busy, true);
        assert_eq!(page.attention.as_ref().map(Vec::len), Some(11));
        render(&format!("console-home-1000-{tag}"), &page);
        let page = shown(frame(), &busy, false);
        assert_eq!(page.attention.as_ref().map(Vec::len), Some(7), "no admin");
        let nothing = Facts {
            steps: None,
            attention: None,
            overview: None,
            usage: None,
        };
        render(
            &format!("console-home-hidden-{tag}"),
            &shown(frame(), &nothing, false),
        );
    }
}
