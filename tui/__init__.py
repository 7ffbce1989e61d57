"""The console: a Textual app that reads the event bus and asks the actions, and knows nothing else."""
