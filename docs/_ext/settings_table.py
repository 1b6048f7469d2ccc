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

TITLES = ("environment", "field", "default", "meaning")


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
        for _ in TITLES:
            group += nodes.colspec(colwidth=1)
        head, body = nodes.thead(), nodes.tbody()
        group += [head, body]
        head += _row(TITLES, literal=0)
        for row in rows():
            body += _row(row, literal=3)
        return [table]


def _row(cells: tuple[str, ...], *, literal: int) -> nodes.row:
    row = nodes.row()
    for index, cell in enumerate(cells):
        inside = nodes.literal(text=cell) if index < literal and cell else nodes.Text(cell)
        row += nodes.entry("", nodes.paragraph("", "", inside))
    return row


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.add_directive("settings-table", SettingsTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
