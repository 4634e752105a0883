"""The service on one machine with a merchant to play with: `passmint demo`."""
