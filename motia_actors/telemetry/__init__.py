"""What a system tells of itself: logs."""
