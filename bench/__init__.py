"""Benchmarks: each prints one JSON row, with what it is compared with in the same run."""
