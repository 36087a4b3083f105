"""Makes one notebook one HTML file: text, tables, live charts, and nothing fetched from anywhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from html import escape
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import pass_context
from jinja2.runtime import Context
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from toolkit import claims
from toolkit.chart import live as tallies
from toolkit.chart.renderer import MIME, VEGA_LITE
from toolkit.share import live, quotations
from toolkit.share.mathml import mathml
from toolkit.share.parameters import other_parameters
from toolkit.share.quotations import Stated

TEMPLATES = files("toolkit.share") / "templates"
CHART_STYLE = files("toolkit") / "labextension" / "static" / "chart.css"

SHOWN = [
    claims.MIME,
    tallies.MIME,
    MIME,
    "application/vnd.vegalite.v6.json",
    "text/html",
    "text/markdown",
    "image/svg+xml",
    "text/latex",
    "image/png",
    "image/jpeg",
    "text/plain",
]
"""Which face of an output a page shows. Widgets and scripts are not among them: they need a running notebook."""

OWN_DATA = "written for the notebook's own data"
"""What is said of sentences on a page that was made with other parameters."""

NO_LONGER = "what the sentence was written for; the number that was computed now follows, if there is one"
"""What is said of a number that isn't what its claim says."""

ABOUT_DATA = re.compile(r"In short\b|<(strong|em)>(In short|Data)\b", re.IGNORECASE)
"""Paragraphs that open so speak of the notebook's own data, with or without a number."""


def html(node: NotebookNode, notebook: Path, siblings: Collection[str] = ()) -> str:
    """The HTML text of cells that have been run."""
    scripts = [(TEMPLATES / "page" / "page.js").read_text(encoding="utf-8")]
    shared = live.shared(live.faces(node))
    if shared:
        scripts.insert(0, live.script())
    stated = {one.name: one for one in quotations.claims(node)}
    if stated:
        scripts.append((TEMPLATES / "page" / "claims.js").read_text(encoding="utf-8"))
    if any(_is_chart(output) for cell in node.cells for output in cell.get("outputs", [])):
        scripts.insert(0, vega())
    given = other_parameters(node)
    page = {
        "given": given,
        "title": title(node) or notebook.stem,
        "policy": policy(scripts),
        "styles": [style.read_text(encoding="utf-8") for style in (TEMPLATES / "page" / "page.css", CHART_STYLE)],
        "scripts": scripts,
        "live": shared,
        "claims": stated,
        "version": toolkit_version(),
    }
    metadata = {"name": notebook.stem, "path": str(notebook.parent)}
    exporter = PageExporter(siblings, stated, other_data=bool(given))
    body, _ = exporter.from_notebook_node(node, {"metadata": metadata, "page": page})
    return str(body)


class PageExporter(HTMLExporter):
    """nbconvert's HTML exporter with a template, a choice of faces and a security policy of our own."""

    def __init__(
        self,
        siblings: Collection[str] = (),
        stated: Mapping[str, Stated] | None = None,
        *,
        other_data: bool = False,
        **options: object,
    ) -> None:
        super().__init__(template_name="page", extra_template_basedirs=[str(TEMPLATES)], **options)
        self.siblings = frozenset(siblings)
        self.stated = stated or {}
        self.other_data = other_data

    @property
    def default_config(self) -> object:
        """What the filters made by nbconvert itself are set to."""
        config = super().default_config
        config.NbConvertBase.display_data_priority = SHOWN
        return config

    @pass_context
    def markdown2html(self, context: Context, source: str) -> str:
        """Markdown as HTML, with formulas drawn and images embedded."""
        cell = context.get("cell", {})
        renderer = PageMarkdown(
            escape=False,
            attachments=cell.get("attachments", {}),
            embed_images=True,
            path=context["resources"]["metadata"]["path"],
            anchor_link_text="#",
        )
        renderer.siblings = self.siblings
        renderer.stated = self.stated
        renderer.other_data = self.other_data and cell.get("cell_type") == "markdown"  # outputs are of the new data
        return str(MarkdownWithMath(renderer=renderer).render(source))

    def default_filters(self) -> Iterable[tuple[str, object]]:
        """Nbconvert's filters and ours."""
        yield from super().default_filters()
        yield "mathml", mathml
        yield "json_script", json_script
        yield "compressed", tallies.compressed


class PageMarkdown(IPythonRenderer):
    """nbconvert's Markdown with formulas as MathML and links from notebook to notebook as links from page to page.

    A number that is linked to its claim shows the claim. One that isn't what the claim says is struck through, and what
    the claim says follows. On a page of other data, numbers in bold are struck through too, and paragraphs with any of
    both are marked.
    """

    siblings: frozenset[str] = frozenset()
    stated: Mapping[str, Stated] = {}  # claims of the notebook by name
    beside = ""  # the page that holds the claims, where it is another one
    other_data = False
    under_data = False  # below a heading such as "In short"

    def strong(self, text: str) -> str:
        """``**...**``."""
        if self.other_data and re.search(r"\d", re.sub(r"<[^>]*>", "", text)):
            return f'<s class="own-data" title="{OWN_DATA}">{text}</s>'
        return str(super().strong(text))

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        """``# ...``."""
        self.under_data = re.match(r"(In short|Data)\b", text, re.IGNORECASE) is not None
        return super().heading(text, level, **attrs)

    def paragraph(self, text: str) -> str:
        """A paragraph; one that speaks of data other than the page's says so."""
        if self.other_data and (self.under_data or ABOUT_DATA.match(text) or '<s class="own-data"' in text):
            return f'<p class="own-data"><small>{OWN_DATA.capitalize()}:</small> {text}</p>\n'
        return str(super().paragraph(text))

    def inline_math(self, body: str) -> str:
        """``$...$``."""
        return mathml(body)

    def block_math(self, body: str) -> str:
        """``$$...$$``."""
        return mathml(body, "block")

    def latex_environment(self, name: str, body: str) -> str:
        r"""``\begin{...}...\end{...}``."""
        return mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A link; one to a notebook that becomes a page, too, leads to that page."""
        path, mark, place = url.partition("#")
        if not path and place in self.stated:
            return self.quotation(text, self.stated[place])
        if path.endswith(".ipynb") and Path(path).stem in self.siblings:
            url = f"{Path(path).stem}.html{mark}{place}"
        return str(super().link(text, url, title))

    def quotation(self, text: str, stated: Stated) -> str:
        """A number that quotes a claim."""
        plain = re.sub(r"<[^>]*>", "", text)
        computed = text if quotations.agrees(plain, stated.claim) else quotations.requoted(plain, stated.claim)
        title, place = escape(stated.sentence), f"{self.beside}#{stated.name}"
        link = f'<a class="claim" href="{place}" title="{title}">{computed}</a>' if computed else ""
        if computed == text:
            return link
        reason = NO_LONGER if computed else stated.claim.get("missing", NO_LONGER)
        return f'<s class="own-data" title="{escape(reason)}">{text}</s>{" " if link else ""}{link}'


def title(node: NotebookNode) -> str:
    """The first heading, as plain text; empty if there is none."""
    for cell in node.cells:
        found = cell.cell_type == "markdown" and re.search(r"^#+ +(.+?)[ #]*$", cell.source, re.MULTILINE)
        if found:
            return re.sub(r"[*_`]", "", found[1])
    return ""


def toolkit_version() -> str:
    """The version of this package, for the foot of a page."""
    return version("wikimedia-event-toolkit")


def json_script(value: object) -> str:
    r"""JSON that can stand in a script element, whatever texts are in it.

    Examples
    --------
    >>> json_script({"banner": "</script>"})
    '{"banner":"\\u003c/script>"}'
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


@cache
def vega() -> str:
    """Vega, Vega-Lite and vega-embed as one script that leaves no other names behind."""
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE).replace(
        "</script", r"<\/script"
    )
    return f"(() => {{{bundle}}})();"


def policy(scripts: Iterable[str]) -> str:
    """A content security policy: these scripts run and no other, and nothing at all is fetched.

    They may make code from text, because Vega does: of the expressions in charts, and to read CSV.

    Examples
    --------
    >>> policy(["1"])
    "default-src 'none'; script-src 'sha256-a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s=' 'unsafe-eval'; ..."
    """
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii") for script in scripts]
    allowed = " ".join([*(f"'sha256-{digest}'" for digest in digests), "'unsafe-eval'"]) if digests else "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; "
        "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
    )


def _is_chart(output: NotebookNode) -> bool:
    return any(kind.startswith("application/vnd.vegalite.v6") for kind in output.get("data", {}))
