"""How Sphinx builds these pages: `make docs`, where any warning fails the build."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_ext"))

project = "motia_actors"
author = copyright = "the authors of motia_actors"  # noqa: A001 (Sphinx's name)
release = importlib.metadata.version("motia-actors")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "settings_table",
    "repository_links",
]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}

# Anchors of headings are GitHub's, so that a link works here and there.
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline", "deflist", "fieldlist"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# A single backtick in a docstring is code.
default_role = "code"
add_module_names = False
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
nitpicky = False  # the types of other packages are no pages of ours; links of pages are checked

# Blocks of code are tried by tests/docs; some have a `…`, which no lexer knows.
suppress_warnings = ["misc.highlighting_failure"]

copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True

smartquotes = False  # `--option` stays as it is typed

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_title = f"motia_actors {release}"
html_copy_source = html_show_sourcelink = False
html_last_updated_fmt = None
