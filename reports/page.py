"""A report as one HTML page that needs nothing beside it: no network, no other file."""

import base64
import html
import re
from pathlib import Path

from markdown import Markdown

from reports.verdicts import COLOURS

PAGE_FILE = "report.html"

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff; max-width: 72rem; margin: 2rem auto;
  padding: 0 1rem; }
h1, h2, h3 { line-height: 1.25; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #ddd; padding-bottom: .2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #e2e2e2; padding: .3rem .6rem; text-align: left; vertical-align: top; }
th { background: #f5f5f5; }
img { max-width: 100%; height: auto; }
code { background: #f3f3f3; padding: .1rem .25rem; border-radius: 3px; font-size: .9em; overflow-wrap: anywhere; }
nav { font-size: .9rem; } nav ul { columns: 2; } nav a { color: inherit; }
.verdict { color: #fff; border-radius: 3px; padding: .05rem .4rem; white-space: nowrap; font-weight: 600; }
.reproduced { background: #0a6b4f; } .partly { background: #8a5a00; } .not-reproduced { background: #a8321e; }
.not-run { background: #6b6b6b; }
"""

TEMPLATE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{head}
<nav>{contents}</nav>
{body}
</body>
</html>
"""

FIGURE = re.compile(
    r'<a href="(?P<vector>[^"]+\.svg)">\s*<img alt="(?P<alt>[^"]*)" src="(?P<raster>[^"]+\.png)" ?/?>\s*</a>'
)
ANIMATION = re.compile(r'<img alt="(?P<alt>[^"]*)" src="(?P<file>[^"]+\.gif)" ?/?>')
MOST_BYTES = 400_000
"""Above that a figure goes in as pixels, as drawing so many lines again and again is slow."""


def write_page(report: Path) -> Path:
    """Write report.html beside a report.md, its figures inside it.

    Parameters
    ----------
    report : Path
        Of report.md, whose figures lie beside it.

    Returns
    -------
    Path
        Of report.html.
    """
    text = report.read_text(encoding="utf-8")
    converter = Markdown(
        extensions=["tables", "toc"], extension_configs={"toc": {"toc_depth": "2-2"}}, output_format="html"
    )
    # What a run says, such as the reason of an error, is text and never a part of the page.
    converter.preprocessors.deregister("html_block")
    converter.inlinePatterns.deregister("html")
    body = converter.convert(text)
    body = FIGURE.sub(lambda match: _inline(match, report.parent), body)
    body = ANIMATION.sub(lambda match: _image(match["alt"], report.parent / html.unescape(match["file"]), "gif"), body)
    body = body.replace("<table>", '<div class="scroll"><table>').replace("</table>", "</table></div>")
    body = _with_badges(body)
    title, first = text.partition("\n")[0].lstrip("# "), body.find("<h2")
    page = TEMPLATE.format(
        title=html.escape(title),
        style=STYLE,
        head=body[:first],
        contents=getattr(converter, "toc", ""),
        body=body[first:],
    )
    path = report.with_name(PAGE_FILE)
    path.write_text(page, encoding="utf-8")
    return path


def _inline(match: re.Match[str], folder: Path) -> str:
    vector, raster = (folder / html.unescape(match[part]) for part in ("vector", "raster"))
    file, kind = (vector, "svg+xml") if vector.stat().st_size <= MOST_BYTES else (raster, "png")
    return _image(match["alt"], file, kind)


def _image(alt: str, file: Path, kind: str) -> str:
    content = base64.b64encode(file.read_bytes()).decode("ascii")
    return f'<img alt="{alt}" src="data:image/{kind};base64,{content}">'


def _with_badges(body: str) -> str:
    """Give verdicts their colours by style: not every system can draw coloured circles."""
    for verdict in COLOURS:
        name = verdict.value
        body = body.replace(str(verdict), f'<span class="verdict {name.replace(" ", "-")}">{name}</span>')
    return body
