"""Files, up and down: back-pressure, resume, digests. See docs/examples.md."""
