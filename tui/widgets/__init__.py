"""Widgets that draw lines: they read the state and never see a raw object."""
