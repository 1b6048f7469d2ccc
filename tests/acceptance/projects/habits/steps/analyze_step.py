import io
import os
import sys

from dotenv import load_dotenv

load_dotenv()
sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
sys.stderr = io.TextIOWrapper(sys.stderr.buffer, encoding="utf-8")

GREETING = os.environ.get("HABITS_GREETING")
calls = 0

config = {
    "type": "api",
    "name": "Analyze",
    "path": "/analyze",
    "method": "GET",
    "emits": [],
}


def handler(req, context):
    global calls
    calls += 1
    print("analysing, with an umlaut: ä")
    context.state.set("analyze", "last", {"calls": calls})
    return {
        "status": 200,
        "body": {
            "greeting": GREETING,
            "last": context.state.get("analyze", "last"),
            "cwd is the project": os.path.isdir("steps"),
        },
    }
