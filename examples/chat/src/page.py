"""The page's files, as answers of an api step."""

from pathlib import Path

FOLDER = Path(__file__).parent.parent / "page"
UNBUILT = "console.error('Build the page first: npm install && npm run build, in page/')"


def read_file(name: str, content_type: str) -> dict:
    """The answer with the file, or with a script that says how to build what is not there."""
    path = FOLDER / name
    text = path.read_text() if path.exists() else UNBUILT
    return {"status": 200, "headers": {"content-type": content_type}, "body": text}
