"""The stores that keep the contracts of `store.py`."""
