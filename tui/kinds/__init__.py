"""The kinds that the console knows: one file each, found by ``registry``. A new kind is a new file here."""
