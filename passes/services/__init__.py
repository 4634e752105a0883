"""Use cases: one function = one thing that happens, inside the transaction the edge opened.

A service takes the session first, never commits, never draws and never calls the network.
"""
