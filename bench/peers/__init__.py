"""What others do with the same events: Dramatiq and Celery, each on a Redis server of its own."""
