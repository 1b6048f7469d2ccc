"""Tests of what step authors test with."""
