"""How handlers are called, one module a language."""
