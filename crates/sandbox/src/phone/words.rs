//! Every word on the phone, in both languages.

use tollgate_kernel::text::Language;

pub(super) struct Words {
    pub(super) banner: &'static str,
    pub(super) phone: &'static str,
    pub(super) alipay: &'static str,
    pub(super) wechat: &'static str,
    pub(super) other_language: &'static str,
    pub(super) amount: &'static str,
    pub(super) item: &'static str,
    pub(super) order: &'static str,
    pub(super) trade: &'static str,
    pub(super) paid_at: &'static str,
    pub(super) notice: &'static str,
    pub(super) pay: &'static str,
    pub(super) fail: &'static str,
    pub(super) close: &'static str,
    pub(super) back: &'static str,
    pub(super) faults: &'static str,
    pub(super) waiting: Stage,
    pub(super) failed: Stage,
    pub(super) paid: Stage,
    pub(super) closed: Stage,
    pub(super) expired: Stage,
    pub(super) unknown: Stage,
    pub(super) sending: &'static str,
    pub(super) accepted: &'static str,
    pub(super) given_up: &'static str,
    pub(super) retry: &'static str,
    pub(super) no_answer: &'static str,
}

/// What the page is about.
pub(super) struct Stage {
    pub(super) title: &'static str,
    pub(super) text: &'static str,
}

pub(super) fn words(language: Language) -> &'static Words {
    match language {
        Language::Zh => &ZH,
        Language::En => &EN,
    }
}

static ZH: Words = Words {
    banner: "沙箱，不产生真实扣款",
    phone: "模拟手机",
    alipay: "支付宝 · 模拟手机",
    wechat: "微信支付 · 模拟手机",
    other_language: "English",
    amount: "金额",
    item: "商品",
    order: "商户订单号",
    trade: "交易号",
    paid_at: "付款时间",
    notice: "支付回调",
    pay: "确认付款",
    fail: "模拟付款失败",
    close: "关闭交易",
    back: "返回商家",
    faults: "故障：下次会出什么错",
    waiting: Stage {
        title: "等待付款",
        text: "请确认金额与商品后付款。",
    },
    failed: Stage {
        title: "付款失败",
        text: "没有扣款，可以再试一次。",
    },
    paid: Stage {
        title: "付款成功 ✓",
        text: "可以关闭此页，回到商家页面。",
    },
    closed: Stage {
        title: "交易已关闭",
        text: "没有扣款。请回到商家页面重新下单。",
    },
    expired: Stage {
        title: "二维码已失效",
        text: "请回到商家页面获取新的二维码。",
    },
    unknown: Stage {
        title: "没有这个二维码",
        text: "请检查地址，或回到商家页面重新下单。",
    },
    sending: "正在发送…",
    accepted: "商户已确认",
    given_up: "商户一直没有确认，不再发送",
    retry: "商户没有确认，再次发送于",
    no_answer: "无应答",
};

static EN: Words = Words {
    banner: "SANDBOX · no real money",
    phone: "Simulated phone",
    alipay: "Alipay · simulated phone",
    wechat: "WeChat Pay · simulated phone",
    other_language: "中文",
    amount: "Amount",
    item: "Item",
    order: "Order",
    trade: "Trade",
    paid_at: "Paid at",
    notice: "Callback",
    pay: "Pay",
    fail: "Fail",
    close: "Close",
    back: "Back to the shop",
    faults: "Faults: what goes wrong next",
    waiting: Stage {
        title: "Waiting for you to pay",
        text: "Check the amount and the item, then pay.",
    },
    failed: Stage {
        title: "Payment failed",
        text: "Nothing was charged. You can try again.",
    },
    paid: Stage {
        title: "Paid ✓",
        text: "You can close this page and go back to the shop.",
    },
    closed: Stage {
        title: "Trade closed",
        text: "Nothing was charged. Go back to the shop to order again.",
    },
    expired: Stage {
        title: "This code has expired",
        text: "Go back to the shop for a new one.",
    },
    unknown: Stage {
        title: "No such code",
        text: "Check the address, or go back to the shop to order again.",
    },
    sending: "being sent…",
    accepted: "accepted by the merchant",
    given_up: "never accepted, no longer sent",
    retry: "not accepted, sent again at",
    no_answer: "no answer",
};
