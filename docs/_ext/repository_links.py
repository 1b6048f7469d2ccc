"""Show links to files of the repository that are no pages as the path of the file.

A page is read on the site and beside the sources, where `../bench/README.md` leads somewhere. The
site has no such page. That the file exists is looked at here; another link that leads nowhere is
MyST's to complain of.
"""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]


def name_files(app: Sphinx, doctree: nodes.document) -> None:
    """Put the path where a link to a file outside of the pages was."""
    for link in list(doctree.findall(pending_xref)):
        if link.get("refdomain") != "doc":
            continue
        # MyST has taken the ending of Markdown files off, and made the path absolute.
        file = Path(app.srcdir, f"{link['reftarget']}.md").resolve()
        is_outside = file.is_relative_to(ROOT) and not file.is_relative_to(app.srcdir)
        if is_outside and file.is_file():
            link.replace_self(nodes.literal(text=file.relative_to(ROOT).as_posix()))


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.connect("doctree-read", name_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
