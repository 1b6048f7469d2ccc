"""HTTP: from request to step and back, on falcon."""
