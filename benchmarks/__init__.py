"""Benchmarks: ratios against other implementations, measured side by side in one run, by CPU time."""
