"""Acts at the same time, as tills, phones and workers are."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

PATIENCE_S = 30.0


def together(*acts: Callable[[], object]) -> None:
    """Runs the acts on a thread each, from the same moment; raises what one of them raised."""
    ready = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> None:
        ready.wait(PATIENCE_S)
        act()

    with ThreadPoolExecutor(len(acts)) as pool:
        for done in [pool.submit(run, act) for act in acts]:
            done.result()
