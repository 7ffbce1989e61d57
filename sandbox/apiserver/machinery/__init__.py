"""What every room stands on: JSON objects, Status errors, names, selectors, and the kinds that are served."""
