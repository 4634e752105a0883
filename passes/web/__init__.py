"""The doors: the JSON API, the public pages, health. Routes parse, call a service and reply."""
