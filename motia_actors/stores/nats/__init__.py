"""One store for several hosts: a log in NATS JetStream, applied by each process to its own LMDB.

Imported only where the settings name NATS. docs/nats.md says what it keeps, and how to run it.
"""
