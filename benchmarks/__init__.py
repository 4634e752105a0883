"""How fast it is, beside a limit or a peer in the same run: ratios count, not absolute figures."""
