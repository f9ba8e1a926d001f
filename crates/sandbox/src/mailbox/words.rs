//! Every word of the mailbox, in both languages.

use tollgate_kernel::text::Language;

pub(super) struct Words {
    pub(super) banner: &'static str,
    pub(super) title: &'static str,
    pub(super) lead: &'static str,
    pub(super) other_language: &'static str,
    pub(super) address: &'static str,
    pub(super) filter: &'static str,
    pub(super) all: &'static str,
    pub(super) empty: &'static str,
    pub(super) none_to: &'static str,
    pub(super) back: &'static str,
    pub(super) to: &'static str,
    pub(super) arrived: &'static str,
    pub(super) links: &'static str,
    pub(super) as_html: &'static str,
    pub(super) as_text: &'static str,
    pub(super) unknown: &'static str,
}

pub(super) fn words(language: Language) -> &'static Words {
    match language {
        Language::Zh => &ZH,
        Language::En => &EN,
    }
}

static ZH: Words = Words {
    banner: "沙箱，不产生真实扣款",
    title: "沙箱邮箱",
    lead: "没有设置邮件服务器，邮件不会寄出，都在这里。保留最近 200 封。",
    other_language: "English",
    address: "收件地址",
    filter: "筛选",
    all: "全部",
    empty: "还没有邮件。注册一个账号，确认邮件就会出现在这里。",
    none_to: "没有寄往这个地址的邮件。",
    back: "返回列表",
    to: "收件人",
    arrived: "时间",
    links: "链接",
    as_html: "邮件",
    as_text: "纯文本",
    unknown: "没有这封邮件，也许它已被更新的邮件取代。",
};

static EN: Words = Words {
    banner: "SANDBOX · no real money",
    title: "Sandbox mailbox",
    lead: "No mail server is set, so letters do not leave: they are all here. The latest 200 are kept.",
    other_language: "中文",
    address: "Address",
    filter: "Filter",
    all: "All",
    empty: "No letters yet. Register an account, and the letter that confirms its address appears here.",
    none_to: "No letters to this address.",
    back: "Back to the list",
    to: "To",
    arrived: "At",
    links: "Links",
    as_html: "Letter",
    as_text: "Plain text",
    unknown: "There is no such letter; newer ones may have taken its place.",
};
