import asyncio
import subprocess
import sys
import time

config = {"type": "event", "name": "build", "subscribes": ["build.requested"], "emits": []}


async def handler(data, context):
    time.sleep(0.3)
    first = subprocess.run([sys.executable, "-c", "print('built')"], capture_output=True, text=True)
    second = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print('twice')", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await second.communicate()
    await context.state.set(
        context.trace_id, "build", {"out": first.stdout.strip(), "again": out.decode().strip()}
    )
