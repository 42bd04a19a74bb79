"""Our own Markdown as a static HTML page: headings, paragraphs, lists, tables, code, links and pictures."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from builder.release import markdown

_SPAN = re.compile(
    "|".join(
        (
            r"\\(?P<plain>[^\w\s])",
            r"`(?P<code>[^`]+)`",
            r"!\[(?P<alt>(?:\\.|[^\]\\])*)\]\((?P<src>[^)]+)\)",
            r"\[(?P<text>(?:\\.|[^\]\\])+)\]\((?P<href>[^)]+)\)",
            r"\*\*(?P<strong>[^*]+)\*\*",
            r"(?<!\w)\*(?P<soft>[^*]+)\*(?!\w)",
        )
    )
)
_ADDRESS = re.compile(r"https?://|[^:]*(?:[/#?]|$)", re.IGNORECASE)  # of the web, or relative
_BAR_IN_CELL = r"\|"  # a table's row is cut before code is looked for, so bars are escaped even in code
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_STYLE = """
:root { --ink: #1c2321; --quiet: #5b6663; --line: #d9dedc; --panel: #f4f6f5; --link: #135e96; }
body { font: 16px/1.55 system-ui, "Segoe UI", "Liberation Sans", Arial, sans-serif; color: var(--ink); margin: 0; }
main { max-width: 76rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1, h2, h3 { line-height: 1.2; } h2 { margin-top: 2.5rem; } h3 { margin-top: 1.75rem; }
p, li { max-width: 46rem; } a { color: var(--link); }
nav a { margin-right: 1rem; } nav { padding: .6rem 0; border-bottom: 1px solid var(--line); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; margin: .75rem 0 1.25rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 600; }
code { background: var(--panel); padding: .1em .3em; border-radius: 3px; font-size: .92em; }
pre { background: var(--panel); padding: .8rem 1rem; overflow-x: auto; } pre code { padding: 0; }
img { max-width: 100%; height: auto; }
.swatch { display: inline-block; width: .9em; height: .9em; border: 1px solid var(--line); margin-right: .35em; }
"""


def page(text: str, *, title: str, base: str = "") -> str:
    """A whole HTML page, without scripts or anything fetched from elsewhere.

    Args:
      text: Markdown, of the kinds that the first line of this module names.
      title: of the page.
      base: put before every relative link: where the Markdown lies, seen from the page.
    """
    headings = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    links = "".join(f'<a href="#{_anchor(h)}">{html.escape(h)}</a>' for h in headings)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style>\n'
        f"</head>\n<body>\n<main>\n<nav>{links}</nav>\n" + "\n".join(body(text, base)) + "\n</main>\n</body>\n</html>\n"
    )


def body(text: str, base: str = "") -> Iterator[str]:
    """The HTML of each block."""
    for block in _blocks(text.splitlines()):
        head = block[0]
        if head.startswith("```"):
            code = "\n".join(line for line in block[1:] if not line.startswith("```"))
            yield f"<pre><code>{html.escape(code)}</code></pre>"
        elif head.startswith("#"):
            level = len(head) - len(head.lstrip("#"))
            name = head.lstrip("# ")
            yield f'<h{level} id="{_anchor(name)}">{_spans(name, base)}</h{level}>'
        elif head.startswith("|"):
            yield _table(block, base)
        elif head.startswith("- "):
            yield "<ul>" + "".join(f"<li>{_spans(line[2:], base)}</li>" for line in block) + "</ul>"
        else:
            yield f"<p>{_spans(' '.join(block), base)}</p>"


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """The blocks of a text: fenced code, a heading, or the lines between two empty ones."""
    block: list[str] = []
    is_code = False
    for line in lines:
        if line.startswith("```"):
            is_code = not is_code
            block.append(line)
        elif is_code or (line and not line.startswith("#")):
            block.append(line)
        else:
            if block:
                yield block
            block = [line] if line else []
    if block:
        yield block


def _table(block: Sequence[str], base: str) -> str:
    head, _, *rows = (
        [_spans(cell.strip(), base) for cell in markdown.UNESCAPED_BAR.split(line)[1:-1]] for line in block
    )
    titles = "".join(f"<th>{cell}</th>" for cell in head)
    cells = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    return f'<div class="wide"><table>\n<tr>{titles}</tr>\n{cells}</table></div>'


def _spans(text: str, base: str) -> str:
    """Text with code, links, pictures and emphasis; everything else is escaped."""
    parts, end = [], 0
    for found in _SPAN.finditer(text):
        parts += [_escaped(text[end : found.start()]), _span(found, base)]
        end = found.end()
    return "".join([*parts, _escaped(text[end:])])


def _span(found: re.Match[str], base: str) -> str:
    if found["plain"]:
        return _escaped(found["plain"])
    if found["code"]:
        return _code(found["code"].replace(_BAR_IN_CELL, "|"))
    if found["src"] or found["href"]:
        return _link(found, base)
    tag, text = ("strong", found["strong"]) if found["strong"] else ("em", found["soft"])
    return f"<{tag}>{_spans(text, base)}</{tag}>"


def _code(text: str) -> str:
    """A span of code; the code of a colour is preceded by a square of it."""
    swatch = f'<span class="swatch" style="background:{text}"></span>' if _COLOUR.fullmatch(text) else ""
    return f"<code>{swatch}{_escaped(text)}</code>"


def _link(found: re.Match[str], base: str) -> str:
    """A link or a picture. An address that is neither of the web nor relative, as `javascript:`, is shown as text."""
    if not _ADDRESS.match(found["src"] or found["href"]):
        return _escaped(found[0])
    if found["src"]:
        return f'<img src="{_target(found["src"], base)}" alt="{html.escape(found["alt"])}">'
    return f'<a href="{_target(found["href"], base)}">{_spans(found["text"], base)}</a>'


def _target(address: str, base: str) -> str:
    is_relative = not re.match(r"https?:|#|/", address, re.IGNORECASE)
    return html.escape(base + address if is_relative else address)


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)


def _anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")
