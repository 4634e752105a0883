"""gunicorn looks for this file: `gunicorn 'wsgi:app()'`."""

from passes.web.server import *  # noqa: F403
