"""What of an existing Motia 0.17 project will be otherwise here, found by reading its files."""
