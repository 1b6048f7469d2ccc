"""`python -m motia_actors` is the command line."""

from motia_actors.cli import main

main()
