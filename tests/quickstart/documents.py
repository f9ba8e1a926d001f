"""What the documents promise of each other: prints each fault, and ends with 1 if there is one.

- The quick starts have the same blocks in both languages but for comments, each short of 15 lines.
- The blocks of the README are the quick start's.
- The block in Rust is the text of a documentation test, which `cargo test` compiles.
- docs/api.md lists the routes of docs/openapi.json, all of them and no others.
- Links in Markdown files lead to files, and headings, that are there.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
import unicodedata
from pathlib import Path
from urllib.parse import unquote

from blocks import ENDINGS, ROOT, TOO_MANY, blocks_of, quick_start

#: What the README shows of the quick start: the first call and the three ways in.
IN_README = ["first-call", "python", "rust", "gate"]
METHODS = ["get", "post", "put", "patch", "delete"]


def quick_starts() -> list[str]:
    """Faults of the quick starts and of the READMEs that quote them."""
    faults, bare = [], {}
    for language, ending in ENDINGS.items():
        document = quick_start(language)
        blocks = blocks_of(document)
        bare[language] = {name: without_comments(text) for name, text in blocks.items()}
        for name, text in blocks.items():
            lines = len(text.splitlines())
            if lines >= TOO_MANY:
                faults.append(f"{document.name}: {name} has {lines} lines, {TOO_MANY - 1} at most")
        shown = blocks_of(ROOT / f"README{ending}")
        faults += [
            f"README{ending}: {name} is not what {document.name} has"
            for name in IN_README
            if name not in shown or shown[name] != blocks.get(name)
        ]
        faults += [f"README{ending}: {name} is unknown to the quick start" for name in shown if name not in blocks]
    if list(bare["en"]) != list(bare["zh-CN"]):
        faults.append(f"other blocks, or in another order: {list(bare['en'])}, {list(bare['zh-CN'])}")
    faults += [
        f"{name} differs between the languages in more than comments"
        for name, text in bare["en"].items()
        if bare["zh-CN"].get(name, text) != text
    ]
    return faults


def without_comments(text: str) -> str:
    """Without what is said behind `#` or `//`, for the languages of the blocks."""
    return re.sub(r"(^|\s)\s*(#|//) .*", "", text)


def rust() -> list[str]:
    """The block is the visible text of a documentation test of the library."""
    wanted = blocks_of(quick_start("en"))["rust"].strip()
    folder = ROOT / "crates" / "server"
    for file in [*sorted(folder.glob("src/**/*.rs")), folder / "README.md"]:
        if any(shown == wanted for shown in documentation_tests(file)):
            return []
    return ["the block rust is no documentation test of crates/server: not compiled by anybody"]


def documentation_tests(file: Path) -> list[str]:
    """What readers see of the compiled blocks in the documentation of a source file."""
    text = file.read_text()
    if file.suffix == ".rs":
        said = [re.match(r"\s*//[/!] ?(.*)", line) for line in text.splitlines()]
        text = "\n".join(match[1] if match else "" for match in said)
    tests = re.findall(r"^```(|no_run|rust|rust,no_run)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    hidden = re.compile(r"^\s*#( |$)")
    return [
        textwrap.dedent("\n".join(line for line in body.splitlines() if not hidden.match(line))).strip()
        for _, body in tests
    ]


def routes() -> list[str]:
    """Each row of the table is a path with its methods, as the OpenAPI document has them."""
    described = {
        path: sorted(method for method in METHODS if method in item)
        for path, item in json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"].items()
    }
    api = (ROOT / "docs" / "api.md").read_text()
    table = re.search(r"^## Every route\n(.*?)^## ", api, re.MULTILINE | re.DOTALL)
    if table is None:
        return ["docs/api.md has no section 'Every route'"]
    listed = {}
    for methods, path in re.findall(r"^\| ((?:`[A-Z]+` ?)+)\| `(/[^`]*)` \|", table[1], re.MULTILINE):
        listed[path] = sorted(method.lower() for method in re.findall(r"[A-Z]+", methods))
    return [
        f"docs/api.md: {path}: openapi.json has {described.get(path)}, the table {listed.get(path)}"
        for path in sorted(described.keys() | listed.keys())
        if described.get(path) != listed.get(path)
    ]


def links() -> list[str]:
    """Relative links of all Markdown files."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    faults = []
    for name in sorted(set(listed.splitlines())):
        document = ROOT / name
        if not document.exists():
            continue
        for target in targets(document.read_text()):
            path, _, heading = target.partition("#")
            found = (document.parent / unquote(path)).resolve() if path else document
            if not found.exists():
                faults.append(f"{name}: {target} leads nowhere")
            elif heading and found.suffix == ".md" and unquote(heading) not in anchors(found.read_text()):
                faults.append(f"{name}: {target} names no heading")
    return faults


def targets(text: str) -> list[str]:
    """Where its links lead, but for other sites."""
    prose = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"`[^`\n]*`", "`", prose)
    found = re.findall(r"\]\(([^)\s]+)(?: \"[^\"]*\")?\)", prose)
    found += re.findall(r"^\[[^\]]+\]: (\S+)", prose, re.MULTILINE)
    found += re.findall(r"<(?:a|img)[^>]*?(?:href|src)=\"([^\"]+)\"", prose)
    return [target for target in found if not re.match(r"[a-z][a-z+.-]*:|//", target)]


def anchors(text: str) -> set[str]:
    """The names of its headings, as GitHub makes them."""
    prose = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.MULTILINE | re.DOTALL)
    names: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.*?) *#*$", prose, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower().replace(" ", "-")
        name = "".join(one for one in plain if one in "-_" or unicodedata.category(one)[0] in "LNM")
        count = sum(known == name or re.fullmatch(re.escape(name) + r"-\d+", known) is not None for known in names)
        names.add(f"{name}-{count}" if count else name)
    return names


def main() -> None:
    """All of it."""
    faults = quick_starts() + rust() + routes() + links()
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        raise SystemExit(1)
    print("documents: blocks, routes and links agree")


if __name__ == "__main__":
    main()
