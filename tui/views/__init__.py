"""What is drawn of the state, as rows of text: pure functions, one view a file."""
