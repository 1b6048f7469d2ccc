"""What a project consists of: its steps and streams, read and checked (data and pure functions)."""
