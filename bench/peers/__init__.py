"""What others do with the same work: task queues on a Redis server of their own, and Motia."""
