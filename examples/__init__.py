"""Programs to read and to run: see docs/examples.md."""
