"""Every setting of the runtime: its unit, default, limits and environment name.

Settings are read once, by whoever composes the system, and passed down from there. The name in
the environment is `MOTIA_` and the field in capitals without its unit: `port` is MOTIA_PORT,
`body_bytes_max` is MOTIA_BODY_MAX.
"""
