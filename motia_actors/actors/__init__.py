"""Actors with bounded mailboxes under supervisors, built on pykka."""
