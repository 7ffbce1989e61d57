"""One screen is a .py and a .tcss of the same name."""
