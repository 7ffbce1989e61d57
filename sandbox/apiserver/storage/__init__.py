"""Objects, their revisions and their history, and the watches on them."""
