"""Tests of live streams."""
