"""The rules of loyalty, pure: values in, values out. No database, no web, no clock."""
