"""A backend runtime of supervised actors that runs Motia's Steps."""
