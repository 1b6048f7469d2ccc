"""What `motia-actors new` and `motia-actors generate` write."""
