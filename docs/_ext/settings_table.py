"""The directive `settings-table`: each setting of the process, read from the code.

A row has the variable, the field of `Settings`, its default and its docstring.
"""

from __future__ import annotations

import inspect

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

from motia_actors.settings import GIB, MIB, SOURCES, Settings

TITLES = ("environment and field", "default", "meaning")
WIDTHS = (40, 15, 45)


def shown(value: object) -> str:
    """Write a default as the environment would hold it."""
    match value:
        case bool():
            return "on" if value else "off"
        case int() if value and value % GIB == 0:
            return f"{value // GIB}G"
        case int() if value and value % MIB == 0:
            return f"{value // MIB}M"
        case float():
            return f"{value:.12g}"
        case _:
            return str(value)


def rows() -> list[tuple[str, str, str, str]]:
    """Read all settings, in the order of their fields."""
    analyzer = ModuleAnalyzer.for_module(Settings.__module__)
    told = analyzer.find_attr_docs()
    found = []
    for field, default in inspect.signature(Settings).parameters.items():
        text = " ".join(" ".join(told.get((Settings.__name__, field), [])).split())
        source = SOURCES[field].name
        found.append((source, field, shown(default.default), text.replace("`", "")))
    return found


class SettingsTable(SphinxDirective):
    """Put the table where the directive stands."""

    def run(self) -> list[nodes.Node]:
        """Build it of docutils' nodes, so that nothing in a docstring is read as markup."""
        table = nodes.table()
        group = nodes.tgroup(cols=len(TITLES))
        table += group
        for width in WIDTHS:
            group += nodes.colspec(colwidth=width)
        head, body = nodes.thead(), nodes.tbody()
        group += [head, body]
        head += _row(*(nodes.paragraph(text=title) for title in TITLES))
        for source, field, default, meaning in rows():
            names = nodes.line_block("", _code(source), _code(field))
            body += _row(names, _code(default), nodes.paragraph(text=meaning))
        return [table]


def _row(*cells: nodes.Element) -> nodes.row:
    return nodes.row("", *(nodes.entry("", cell) for cell in cells))


def _code(text: str) -> nodes.line:
    return nodes.line("", "", nodes.literal(text=text) if text else nodes.Text(""))


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.add_directive("settings-table", SettingsTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
