"""The workbench: what it answers, how it is built, and what it shows in a browser."""
