"""The history of the schema, applied by `passes.store.schema`."""
