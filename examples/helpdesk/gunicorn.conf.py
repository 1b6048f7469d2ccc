"""gunicorn's settings for this project; `motia-actors start` reads them too."""

worker_class = "motia_actors.web.worker.ActorWorker"
threads = 32
keepalive = 75
worker_connections = 10_000
