"""Chat: many members, one stream each way for everyone. See docs/examples.md."""
