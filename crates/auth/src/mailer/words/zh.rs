//! 简体中文

use super::{Around, Piece, Words};

pub(super) static WORDS: Words = Words {
    lang: "zh-CN",
    hello: Around {
        before: "你好，",
        after: "：",
    },
    hello_stranger: "你好：",
    colon: "：",
    link_life: Around {
        before: "链接只能使用一次，",
        after: " 分钟内有效。",
    },
    link_until: Around {
        before: "链接在 ",
        after: " 之前有效。",
    },
    or_copy: "也可以把下面的地址复制到浏览器中打开：",
    when: "时间",
    device: "设备",
    address: "网络地址",
    new_address: "新邮箱",
    footer: "本邮件由系统自动发送，请勿回复。",
    verify_email: Piece {
        title: "请确认你的邮箱",
        opening: &["有人用这个邮箱注册了账号。如果是你本人，请确认这个邮箱属于你。"],
        button: "确认邮箱",
        closing: &["如果不是你本人，请忽略本邮件，不要打开链接。"],
    },
    reset_password: Piece {
        title: "设置新密码",
        opening: &["有人为使用这个邮箱的账号申请了设置新密码。"],
        button: "设置新密码",
        closing: &["如果不是你本人，请忽略本邮件，密码不会改变。请勿把链接转给他人。"],
    },
    confirm_new_email: Piece {
        title: "请确认你的新邮箱",
        opening: &["这个邮箱将成为一个账号的新邮箱，确认之后才会生效。"],
        button: "确认新邮箱",
        closing: &["如果你不了解此事，请忽略本邮件，不要打开链接。"],
    },
    email_change_asked: Piece {
        title: "有人申请更换邮箱",
        opening: &["有人为你的账号申请更换邮箱。新邮箱确认之前，现在的邮箱继续有效。"],
        button: "",
        closing: &["如果不是你本人，说明有人知道了你的密码：请立即修改密码，并结束其他登录。"],
    },
    email_changed: Piece {
        title: "你的邮箱已更换",
        opening: &["你的账号已使用新邮箱，今后不再向这里发送与账号有关的邮件。"],
        button: "",
        closing: &["如果不是你本人，请立即联系本服务的运营方。"],
    },
    new_sign_in: Piece {
        title: "账号有新的登录",
        opening: &["有人在一台未曾使用过的设备上登录了你的账号。"],
        button: "",
        closing: &["如果是你本人，无需处理。如果不是，请立即修改密码，并结束其他登录。"],
    },
    password_changed: Piece {
        title: "你的密码已修改",
        opening: &["你的账号已设置新密码。"],
        button: "",
        closing: &["如果不是你本人，请立即在登录页申请设置新密码，邮件会发到这个邮箱。"],
    },
    sessions_ended: Piece {
        title: "为安全起见，登录已结束",
        opening: &["一个已用过的登录凭证再次出现，它可能已被他人复制，因此对应的登录已被结束。"],
        button: "",
        closing: &["请重新登录。如果你不清楚原因，请同时修改密码。"],
    },
    invite: Piece {
        title: "邀请你注册账号",
        opening: &["你收到了注册账号的邀请。"],
        button: "注册账号",
        closing: &["如果与你无关，请忽略本邮件。"],
    },
    endpoint: "接收地址",
    endpoint_disabled: Piece {
        title: "事件接收地址已停用",
        opening: &["它明确拒收，或已五天没有收下任何事件。该处的应用不会再收到支付与套餐的事件。"],
        button: "",
        closing: &["修复后请重新启用，积压的事件会随即发出。每次投递的结果可在投递记录中查看。"],
    },
    plan: "套餐",
    ends_at: "到期时间",
    amount_due: "续费金额",
    yuan: "¥",
    subscription_expiring: Piece {
        title: "你的套餐即将到期",
        opening: &["你的套餐已付费至下面的时间。它不会自动续费，也不会自动扣款。"],
        button: "续费",
        closing: &["提前续费不会损失时间：新的一期从当前到期时间开始。如果不再需要，无需处理。"],
    },
};
