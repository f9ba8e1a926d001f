//! The steps in words, for whoever wants to know where their units went. Times are those of the subscription's zone.

use chrono_tz::Tz;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::text::Text;

use super::{Aside, Bonus, Calls, Cause, Given, Past, PlanName, Rules, Step};
use crate::model::plan::{BillingCycle, Reset};

/// As people write it.
fn local(at: Timestamp, zone: Tz) -> String {
    let local = at.utc().with_timezone(&zone);
    local.format("%Y-%m-%d %H:%M").to_string()
}

impl Step {
    /// In one sentence.
    pub fn text(&self, zone: Tz) -> Text {
        match &self.cause {
            Cause::Reset(past) => reset(past, zone),
            Cause::Plan(plan) => given(plan),
            Cause::Kept => Text::new(
                format!(
                    "另有 {} 个单位：换套餐前已使用，不收回。",
                    taken(self).saturating_neg()
                ),
                format!(
                    "{} units more: they were used under the plan before, and nobody takes them back.",
                    taken(self).saturating_neg()
                ),
            ),
            Cause::Carried(bonus) => carried(bonus, zone),
            Cause::Bonus(bonus) => bonus_given(bonus, zone),
            Cause::Expired(bonus) => Text::new(
                format!("奖励单位到期，{} 个未使用，已作废。", bonus.expired),
                format!(
                    "Of bonus units that ended, {} were unused and are gone.",
                    bonus.expired
                ),
            ),
            Cause::Late(bonus) => Text::new(
                format!(
                    "退回的 {} 个单位属于已到期的奖励，随之作废。",
                    bonus.returned
                ),
                format!(
                    "{} units that were given back were of bonus units that had ended, and are gone with them.",
                    bonus.returned
                ),
            ),
            Cause::Opening(_) => Text::new(
                format!("迁入前，本周期在原系统已用 {} 个单位。", taken(self)),
                format!(
                    "{} units had been used in this period before the account was taken over from another system.",
                    taken(self)
                ),
            ),
            Cause::Use(calls) => used(calls),
            Cause::Refund(calls) => returned(calls),
            Cause::Earlier { since } => Text::new(
                format!(
                    "{} 至 {} 共用去 {} 个单位；逐条记录已过保存期，此数为总计。",
                    local(*since, zone),
                    local(self.at, zone),
                    taken(self)
                ),
                format!(
                    "{} units were used from {} to {}; the single rows are not kept any more, this is their sum.",
                    taken(self),
                    local(*since, zone),
                    local(self.at, zone)
                ),
            ),
            Cause::Hold(aside) => held(aside, zone),
            Cause::Unexplained => Text::new(
                format!(
                    "有 {} 个单位没有记录可以说明，请联系客服。",
                    taken(self).abs()
                ),
                format!(
                    "No record explains {} units: please write to support.",
                    taken(self).abs()
                ),
            ),
        }
    }
}

fn taken(step: &Step) -> i64 {
    step.units.unwrap_or(0).saturating_neg()
}

fn reset(past: &Past, zone: Tz) -> Text {
    let (from, to) = (local(past.period.start, zone), local(past.period.end, zone));
    let used = past.used;
    match past.dropped() {
        Some(dropped) => Text::new(
            format!(
                "上一周期（{from} 至 {to}）结束：已用 {used} 个单位，套餐剩余的 {dropped} 个不结转。"
            ),
            format!(
                "The period from {from} to {to} ended: {used} units were used; {dropped} of the plan's were left and are not carried over."
            ),
        ),
        None => Text::new(
            format!("上一周期（{from} 至 {to}）结束：已用 {used} 个单位，不限量。"),
            format!(
                "The period from {from} to {to} ended: {used} units were used, without a limit."
            ),
        ),
    }
}

fn given(given: &Given) -> Text {
    let PlanName { zh, en, .. } = &given.plan;
    match given.limit {
        Some(limit) => Text::new(
            format!("套餐“{zh}”为本周期提供 {limit} 个单位。"),
            format!("The plan {en} gives {limit} units for this period."),
        ),
        None => Text::new(
            format!("套餐“{zh}”不限量。"),
            format!("The plan {en} gives units without a limit."),
        ),
    }
}

fn carried(bonus: &Bonus, zone: Tz) -> Text {
    let (poured, given) = (bonus.poured, bonus.given);
    let (zh, en) = ends(bonus, zone);
    match bonus.grant {
        Some(_) => {
            let (day, reason) = (local(bonus.given_at, zone), &bonus.reason);
            Text::new(
                format!("转入 {poured} 个奖励单位（{day} 赠送 {given} 个：{reason}），{zh}。"),
                format!(
                    "{poured} bonus units came over, of {given} that were given on {day} ({reason}); they {en}."
                ),
            )
        }
        None => Text::new(
            format!(
                "另有 {} 次赠送的奖励单位，共转入 {poured} 个。",
                bonus.count
            ),
            format!(
                "{poured} bonus units of {} further grants came over.",
                bonus.count
            ),
        ),
    }
}

fn bonus_given(bonus: &Bonus, zone: Tz) -> Text {
    let poured = bonus.poured;
    let (zh, en) = ends(bonus, zone);
    match bonus.grant {
        Some(_) => Text::new(
            format!("赠送 {poured} 个单位（{}），{zh}。", bonus.reason),
            format!(
                "{poured} bonus units were given ({}); they {en}.",
                bonus.reason
            ),
        ),
        None => Text::new(
            format!("另有 {} 次赠送，共 {poured} 个单位。", bonus.count),
            format!(
                "{poured} bonus units were given by {} further grants.",
                bonus.count
            ),
        ),
    }
}

fn ends(bonus: &Bonus, zone: Tz) -> (String, String) {
    match bonus.expires_at {
        Some(end) => {
            let end = local(end, zone);
            (format!("{end} 到期"), format!("end on {end}"))
        }
        None => ("长期有效".to_owned(), "do not end".to_owned()),
    }
}

fn used(calls: &Calls) -> Text {
    let (count, units) = (calls.count, calls.units);
    match (&calls.resource_type, calls.usage) {
        (Some(kind), Some(_)) => Text::new(
            format!("一次 {kind} 用去 {units} 个单位。"),
            format!("One {kind} took {units} units."),
        ),
        (Some(kind), None) => Text::new(
            format!("{count} 次 {kind} 共用去 {units} 个单位。"),
            format!("{kind}, {count} times, took {units} units."),
        ),
        (None, _) => Text::new(
            format!("{count} 次使用共用去 {units} 个单位。"),
            format!("{count} calls of all kinds took {units} units."),
        ),
    }
}

fn returned(calls: &Calls) -> Text {
    let (count, units) = (calls.count, calls.units);
    match &calls.resource_type {
        Some(kind) => Text::new(
            format!("退还 {count} 次 {kind} 的 {units} 个单位。"),
            format!("{units} units were given back for {kind}, {count} times."),
        ),
        None => Text::new(
            format!("退还 {count} 次使用的 {units} 个单位。"),
            format!("{units} units were given back for {count} calls of all kinds."),
        ),
    }
}

fn held(aside: &Aside, zone: Tz) -> Text {
    let (count, units, end) = (aside.count, aside.units, local(aside.expires_at, zone));
    match (&aside.resource_type, aside.hold) {
        (Some(kind), Some(_)) => Text::new(
            format!("为 {kind} 预留 {units} 个单位，最迟 {end} 结算或退回。"),
            format!(
                "{units} units are set aside for {kind}; they are charged or given back by {end}."
            ),
        ),
        _ => Text::new(
            format!("{count} 笔预留共 {units} 个单位，尚未结算。"),
            format!("{units} units are set aside by {count} holds that are not settled yet."),
        ),
    }
}

impl Rules {
    /// Why it is this period, in one or two sentences.
    pub fn text(&self) -> Text {
        let zone = self.anchor.zone();
        let first = local(self.anchor.at(), zone);
        let mut said = vec![self.turns(&first)];
        let over = self.term_end.filter(|end| *end < self.period.end);
        match (over, self.entitled_until) {
            (Some(end), Some(until)) if until > end => {
                let (end, until) = (local(end, zone), local(until, zone));
                said.push((
                    format!("已付费至 {end}；在 {until} 之前不再开始新的周期。"),
                    format!("What is paid for ends on {end}: until {until} nothing begins anew."),
                ));
            }
            (_, Some(until)) if until < self.period.end => {
                let until = local(until, zone);
                said.push((
                    format!("订阅将于 {until} 先行结束。"),
                    format!("The subscription ends before that, on {until}."),
                ));
            }
            _ => {}
        }
        if let Some(turns_at) = self.turns_at.filter(|at| *at < self.period.end) {
            let turns_at = local(turns_at, zone);
            said.push((
                format!("{turns_at} 起按已付费的下一期计算。"),
                format!("From {turns_at} on, what is paid for next counts."),
            ));
        }
        let (zh, en): (Vec<String>, Vec<String>) = said.into_iter().unzip();
        Text::new(zh.concat(), en.join(" "))
    }

    fn turns(&self, first: &str) -> (String, String) {
        let zone = self.anchor.zone().name();
        let day = self.anchor.day();
        match (self.reset, self.cycle) {
            (Reset::Month, _) => (
                format!(
                    "自 {first}（{zone}）起按月计算，每月 {day} 日重新开始；没有该日的月份为最后一天。"
                ),
                format!(
                    "Counted by months from {first} ({zone}): it begins anew on day {day}, or on the last day of a shorter month."
                ),
            ),
            (Reset::Calendar, _) => (
                format!("按自然月计算，每月 1 日零点（{zone}）重新开始。"),
                format!(
                    "Counted by months of the calendar: it begins anew on the 1st at midnight ({zone})."
                ),
            ),
            (Reset::Term, BillingCycle::Monthly) => (
                format!("自 {first}（{zone}）起，随每个付费月重新开始。"),
                format!("It begins anew with each paid month, counted from {first} ({zone})."),
            ),
            (Reset::Term, BillingCycle::Yearly) => (
                format!("自 {first}（{zone}）起，随每个付费年重新开始。"),
                format!("It begins anew with each paid year, counted from {first} ({zone})."),
            ),
            (Reset::Term, BillingCycle::Lifetime) | (Reset::Never, _) => (
                format!("自 {first}（{zone}）起，不重新开始。"),
                format!("Counted from {first} ({zone}): it never begins anew."),
            ),
        }
    }
}
