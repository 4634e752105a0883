"""The real service with one thing replaced by a plausible mistake, which the invariants must see.

Programs to run in place of `wsgi`, and nothing that the product could ever load.
"""
