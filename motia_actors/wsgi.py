"""The WSGI application of a project: `gunicorn motia_actors.wsgi`.

The project is the working directory, or MOTIA_PROJECT. Under gunicorn the actor system starts
with each worker; under any other server, with the first request.
"""

from __future__ import annotations

from motia_actors.app import Application
from motia_actors.web.server import join_worker

application = Application()
join_worker(application)
