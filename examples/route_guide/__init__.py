"""RouteGuide: all four kinds of call. See docs/examples.md."""
