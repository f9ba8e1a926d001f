"""The named blocks of a document: ```sh start."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: What follows a document's name, by language.
ENDINGS = {"en": ".md", "zh-CN": ".zh-CN.md"}
#: A block of the quick start has fewer lines.
TOO_MANY = 15

_FENCE = re.compile(r"^```(\w+) ([\w-]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks_of(document: Path) -> dict[str, str]:
    """Its named blocks, in their order; one name is one text."""
    blocks: dict[str, str] = {}
    for _, name, text in _FENCE.findall(document.read_text()):
        if blocks.get(name, text) != text:
            raise SystemExit(f"{document.name}: two different blocks are called {name}")
        blocks[name] = text
    return blocks


def quick_start(language: str) -> Path:
    """The quick start in that language."""
    return ROOT / "docs" / f"quickstart{ENDINGS[language]}"
