"""Live streams: who listens over WebSockets and Server-Sent Events, and what they are told."""
