"""The command line: wires console, operator and embedded cluster together."""

__version__ = "0.1.0"
