"""What people read of refusals that this application makes without asking the service."""

from __future__ import annotations

_WORDS: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "unauthenticated": (
        ("需要登录", "请先登录,或在 Authorization 中提供有效的令牌或 API 密钥。"),
        ("Not signed in", "Sign in, or send a valid token or API key in Authorization."),
    ),
    "token_expired": (
        ("令牌已过期", "请刷新令牌后重试。"),
        ("The token has expired", "Refresh the token and try again."),
    ),
    "two_credentials": (
        ("请求带有两个不同的凭证", "请只提供一个凭证。"),
        ("Two different credentials", "Send one of them."),
    ),
    "permission_denied": (
        ("没有权限", "此账号或密钥没有所需的权限。"),
        ("Permission denied", "This account or key lacks what the call takes."),
    ),
    "subscription_required": (
        ("需要订阅套餐", "没有有效的订阅,请先选择套餐。"),
        ("A subscription is required", "No plan is in force; choose one first."),
    ),
    "validation_failed": (
        ("输入不符合要求", "有字段不符合要求,详见 errors。"),
        ("The input is not valid", "Some fields are not right; see errors."),
    ),
    "unavailable": (
        ("服务暂时不可用", "请稍后重试。"),
        ("The service is not available right now", "Try again in a moment."),
    ),
}


def words_for(code: str, accept_language: str | None) -> tuple[str, str]:
    """Title and detail of a code in the language asked for, zh otherwise; empty for others."""
    words = _WORDS.get(code)
    if words is None:
        return "", ""
    chinese, english = words
    first = (accept_language or "").strip().lower()
    return english if first.startswith("en") else chinese
