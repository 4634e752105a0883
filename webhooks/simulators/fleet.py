"""All virtual phones of one simulator, and the threads on which they live."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from threading import Event, Lock, Thread

from cryptography import x509

from webhooks.simulators.apns_script import Answer
from webhooks.simulators.iphone import IPhone
from webhooks.simulators.web import Web

_TICK_S = 0.2  # how late an errand may be noticed
_HANDS = 8  # phones that act at the same time


class Fleet:
    """Phones by id, in the order they were bought."""

    def __init__(
        self,
        make_web: Callable[[], Web],
        roots: Sequence[x509.Certificate],
        now: Callable[[], datetime],
    ) -> None:
        self._phones: dict[str, IPhone] = {}
        self._make_web = make_web
        self._roots = roots
        self._now = now
        self._work = Event()
        self._busy: set[str] = set()
        self._lock = Lock()

    def buy(self, name: str) -> IPhone:
        """A new phone without any cards."""
        phone = IPhone(name, self._make_web(), self._roots, self._now)
        with self._lock:
            self._phones[phone.id] = phone
        return phone

    def all(self) -> list[IPhone]:
        """Every phone, the oldest first."""
        with self._lock:
            return list(self._phones.values())

    def phone(self, phone_id: str) -> IPhone | None:
        """The phone with this id."""
        return self._phones.get(phone_id)

    def wake(self) -> None:
        """Look for due errands now."""
        self._work.set()

    def version(self) -> int:
        """Grows whenever something happened on a phone."""
        return sum(1 + phone.wallet.trail.newest for phone in self.all())

    def deliver(self, token: str, topic: str) -> Answer | None:
        """Hand a push to its phone; None when it was taken, or the phone is none of ours."""
        for phone in self.all():
            service = phone.service_of(token)
            if service is None:
                continue
            if service.pass_type != topic:
                return Answer(status=400, reason="DeviceTokenNotForTopic")
            if not phone.wallet.cards_of(service):
                gone_ms = int(self._now().timestamp() * 1000)
                return Answer(status=410, reason="Unregistered", timestamp=gone_ms)
            phone.receive_push(service)
            self.wake()
        return None

    @contextmanager
    def living(self) -> Iterator[None]:
        """Let the phones do what is due, for the length of the block."""
        ended = Event()
        with ThreadPoolExecutor(_HANDS, thread_name_prefix="phone") as hands:
            thread = Thread(target=self._live, args=(hands, ended), name="phones", daemon=True)
            thread.start()
            try:
                yield
            finally:
                ended.set()
                self.wake()
                thread.join()

    def _live(self, hands: ThreadPoolExecutor, ended: Event) -> None:
        while not ended.is_set():
            self._work.clear()
            for phone in self.all():
                due = phone.next_due()
                if due is not None and due <= self._now() and self._begin(phone):
                    hands.submit(self._act, phone)
            self._work.wait(_TICK_S)

    def _begin(self, phone: IPhone) -> bool:
        with self._lock:
            free = phone.id not in self._busy
            self._busy.add(phone.id)
            return free

    def _act(self, phone: IPhone) -> None:
        try:
            phone.run_due()
        finally:
            with self._lock:
                self._busy.discard(phone.id)
