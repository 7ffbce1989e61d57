"""The bus as a file: written while it runs, kept for the last minutes, read again, made anonymous."""
