"""What goes wrong over time: faults of operators that no single moment shows, found in the bus's events."""
