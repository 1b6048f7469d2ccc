"""State, streams, events, locks and journal in one LMDB environment shared by processes."""
