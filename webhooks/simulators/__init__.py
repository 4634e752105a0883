"""A wallet in the box: a local APNs and virtual phones, for everybody without a provider account.

Processes of their own on loopback that reach the service only over HTTP; nothing here imports
the service.
"""
