"""Tests of what is written for new projects."""
