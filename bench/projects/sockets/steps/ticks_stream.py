"""What the sockets listen to."""

config = {
    "name": "ticks",
    "schema": {"type": "object"},
    "baseConfig": {"storageType": "default"},
}
