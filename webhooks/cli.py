"""Commands for what is said to the outside: the worker, and what waits to be told."""

import signal
from collections.abc import Callable
from types import FrameType

import click
from sqlalchemy.exc import SQLAlchemyError

from certs.errors import CertificateError
from passes.settings import SettingsError
from passes.store.schema import StaleSchema
from webhooks.worker import Worker


def outside_commands(compose_worker: Callable[[], Worker]) -> tuple[click.Command, ...]:
    """The commands, given how a worker is put together."""

    @click.command()
    def worker() -> None:
        """Tell phones what changed, until SIGTERM. Run one, or many on any hosts."""
        try:
            run(compose_worker())
        except (SettingsError, StaleSchema, CertificateError) as error:
            raise click.ClickException(str(error)) from error
        except SQLAlchemyError as error:
            raise click.ClickException("The database does not answer: is it running?") from error

    return (worker,)


def run(worker: Worker) -> None:
    """Until SIGTERM or Ctrl-C; what was begun is finished first."""

    def stop(_: int, __: FrameType | None) -> None:
        worker.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    worker.run()
