"""The colours, computed anew from the stylesheet, and the bytes that every page loads."""

from __future__ import annotations

import gzip
import itertools
import math
import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[2] / "crates" / "server" / "static"
CSS = (STATIC / "tollgate.css").read_text()
Colour = tuple[float, float, float]


def tokens(theme: str) -> dict[str, str]:
    """What a theme names, `--bg` and the others."""
    found = re.search(r'\[data-theme="' + theme + r'"\]\s*\{(.*?)\}', CSS, re.S)
    assert found, theme
    return dict(re.findall(r"--([a-z0-9-]+):\s*(#[0-9A-Fa-f]{6})", found[1]))


def linear(hexadecimal: str) -> Colour:
    """sRGB without its curve (IEC 61966-2-1)."""
    channels = (int(hexadecimal[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return red, green, blue


def luminance(hexadecimal: str) -> float:
    red, green, blue = linear(hexadecimal)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, "contrast ratio"."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


#: What is left of a colour for somebody who lacks one kind of cone (Viénot, Brettel and Mollon 1999; Brettel for blue,
#: on linear RGB).
SIGHT: dict[str, tuple[Colour, Colour, Colour]] = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.11238, 0.88762, 0), (0.11238, 0.88762, 0), (0.00401, -0.00401, 1)),
    "deutan": ((0.29275, 0.70725, 0), (0.29275, 0.70725, 0), (-0.02234, 0.02234, 1)),
    "tritan": ((1.01277, 0.13548, -0.14826), (-0.01243, 0.86812, 0.14431), (0.07589, 0.80500, 0.11911)),
}


def lab(colour: Colour) -> Colour:
    """CIELAB under D65."""
    red, green, blue = (min(1.0, max(0.0, c)) for c in colour)
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883

    def curve(t: float) -> float:
        return t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116

    return 116 * curve(y) - 16, 500 * (curve(x) - curve(y)), 200 * (curve(y) - curve(z))


def seen(hexadecimal: str, sight: str) -> Colour:
    colour = linear(hexadecimal)
    lightness, a, b = lab(tuple(sum(m * c for m, c in zip(row, colour, strict=True)) for row in SIGHT[sight]))
    return lightness, a, b


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_and_borders_stand_out(theme: str) -> None:
    colour = tokens(theme)
    for ground in ("bg", "surface"):
        for text in ("text", "muted", "accent", "ok", "warn", "bad", "info"):
            assert contrast(colour[text], colour[ground]) >= 4.5, (text, ground)
        assert contrast(colour["control"], colour[ground]) >= 3, ground
    assert contrast(colour["on-accent"], colour["accent"]) >= 4.5
    assert contrast(colour["text"], colour["sandbox"]) >= 4.5


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_series_are_told_apart(theme: str, sight: str) -> None:
    colour = tokens(theme)
    series = [colour[f"s{number}"] for number in (1, 2, 3, 4)]
    for one in series:
        assert contrast(one, colour["bg"]) >= 3, one
    for one, other in itertools.combinations(series, 2):
        apart = math.dist(seen(one, sight), seen(other, sight))
        assert apart > 30, f"{one} and {other} for {sight} sight: {apart:.0f}"


def test_the_system_theme_is_the_dark_one() -> None:
    inside = re.search(r"prefers-color-scheme: dark\) \{\s*\[data-theme=\"system\"\] \{(.*?)\}", CSS, re.S)
    assert inside
    assert dict(re.findall(r"--([a-z0-9-]+):\s*(#[0-9A-Fa-f]{6})", inside[1])) == tokens("dark")


def test_what_pages_load_is_small() -> None:
    files = [path for path in STATIC.iterdir() if path.suffix in (".css", ".js")]
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in files}
    assert sum(sizes.values()) <= 60_000, sizes
    print(sizes)
