//! Every word on Stripe's pages, in both languages.

use tollgate_kernel::text::Language;

use super::cards::{CARDS, Card};

pub(super) struct Words {
    pub(super) banner: &'static str,
    pub(super) app: &'static str,
    pub(super) other_language: &'static str,
    pub(super) amount: &'static str,
    pub(super) item: &'static str,
    pub(super) order: &'static str,
    pub(super) every: [(&'static str, &'static str); 4],
    pub(super) number: &'static str,
    pub(super) pay: &'static str,
    pub(super) cards: &'static str,
    pub(super) approve: &'static str,
    pub(super) refuse: &'static str,
    pub(super) back: &'static str,
    pub(super) faults: &'static str,
    pub(super) state: &'static str,
    pub(super) until: &'static str,
    pub(super) card: &'static str,
    pub(super) cancel: &'static str,
    pub(super) resume: &'static str,
    pub(super) pay_now: &'static str,
    pub(super) change_card: &'static str,
    pub(super) waiting: (&'static str, &'static str),
    pub(super) asks: (&'static str, &'static str),
    pub(super) declined: (&'static str, &'static str),
    pub(super) paid: (&'static str, &'static str),
    pub(super) processing: (&'static str, &'static str),
    pub(super) expired: (&'static str, &'static str),
    pub(super) unknown: (&'static str, &'static str),
    pub(super) portal: (&'static str, &'static str),
    pub(super) portal_gone: (&'static str, &'static str),
}

pub(super) fn words(language: Language) -> &'static Words {
    match language {
        Language::Zh => &ZH,
        Language::En => &EN,
    }
}

/// The other one, which a page offers.
pub(super) fn other(language: Language) -> Language {
    match language {
        Language::Zh => Language::En,
        Language::En => Language::Zh,
    }
}

/// A button for a test card.
pub(super) struct CardButton {
    pub(super) number: &'static str,
    /// In groups of four.
    pub(super) shown: String,
    pub(super) says: &'static str,
}

pub(super) fn cards(language: Language) -> Vec<CardButton> {
    let button = |card: &Card| CardButton {
        number: card.number,
        shown: grouped(card.number),
        says: match language {
            Language::Zh => card.zh,
            Language::En => card.en,
        },
    };
    CARDS.iter().map(button).collect()
}

fn grouped(number: &str) -> String {
    let mut text = String::new();
    for (at, digit) in number.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

static ZH: Words = Words {
    banner: "沙箱，不产生真实扣款",
    app: "Stripe · 模拟收银台",
    other_language: "English",
    amount: "金额",
    item: "商品",
    order: "商户订单号",
    every: [
        ("day", "天"),
        ("week", "周"),
        ("month", "个月"),
        ("year", "年"),
    ],
    number: "银行卡号",
    pay: "付款",
    cards: "测试卡",
    approve: "批准付款",
    refuse: "拒绝",
    back: "返回商家",
    faults: "故障：下次会出什么错",
    state: "状态",
    until: "本期至",
    card: "银行卡",
    cancel: "到期后取消",
    resume: "继续订阅",
    pay_now: "立即支付账单",
    change_card: "更换银行卡",
    waiting: ("等待付款", "请确认金额与商品，选择一张测试卡。"),
    asks: ("银行请你确认", "3-D Secure：批准后才会扣款。"),
    declined: ("银行卡被拒", "没有扣款，请换一张卡。"),
    paid: ("付款成功 ✓", "可以返回商家页面。"),
    processing: ("已提交", "银行正在处理，款项尚未到账。"),
    expired: ("页面已过期", "没有扣款。请回到商家页面重新下单。"),
    unknown: ("没有这笔付款", "请检查地址，或回到商家页面重新下单。"),
    portal: ("我的订阅", "可以取消、继续，或更换银行卡。"),
    portal_gone: ("链接已失效", "请回到商家页面重新打开。"),
};

static EN: Words = Words {
    banner: "SANDBOX · no real money",
    app: "Stripe · simulated checkout",
    other_language: "中文",
    amount: "Amount",
    item: "Item",
    order: "Order",
    every: [
        ("day", "day"),
        ("week", "week"),
        ("month", "month"),
        ("year", "year"),
    ],
    number: "Card number",
    pay: "Pay",
    cards: "Test cards",
    approve: "Approve",
    refuse: "Refuse",
    back: "Back to the shop",
    faults: "Faults: what goes wrong next",
    state: "State",
    until: "Term ends",
    card: "Card",
    cancel: "Cancel at the end of the term",
    resume: "Keep the subscription",
    pay_now: "Pay the open invoice",
    change_card: "Change the card",
    waiting: (
        "Waiting for you to pay",
        "Check the amount and the item, then choose a test card.",
    ),
    asks: (
        "Your bank asks you",
        "3-D Secure: nothing is charged before you approve.",
    ),
    declined: (
        "The card was declined",
        "Nothing was charged. Try another card.",
    ),
    paid: ("Paid ✓", "You can go back to the shop."),
    processing: (
        "On its way",
        "The bank is at work; the money has not come yet.",
    ),
    expired: (
        "This page has expired",
        "Nothing was charged. Go back to the shop to order again.",
    ),
    unknown: (
        "No such payment",
        "Check the address, or go back to the shop to order again.",
    ),
    portal: ("Your subscriptions", "Cancel, keep on, or change the card."),
    portal_gone: (
        "This link is over",
        "Go back to the shop and open it again.",
    ),
};
