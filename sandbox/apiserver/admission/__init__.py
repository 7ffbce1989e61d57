"""What is made of an object before it is stored: defaults, schemas, rules, validation."""
