"""The two renderings: the same face in, one wallet's document out. No I/O."""
