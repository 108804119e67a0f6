"""Half-open UTC windows in whole milliseconds since the epoch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from paydown.model.units import BUCKET_MS, MS_PER_DAY

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY = date(1970, 1, 1)


def to_ms(instant: datetime) -> int:
    """Give whole milliseconds since the epoch of an aware instant, exactly (rounded down).

    >>> to_ms(datetime(1970, 1, 2, tzinfo=UTC))
    86400000
    """
    return (instant - EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """Give the aware UTC instant of milliseconds since the epoch."""
    return EPOCH + timedelta(milliseconds=ms)


def day_of(ms: int) -> int:
    """Give the number of the UTC day (0 is 1970-01-01) that holds an instant in ms."""
    return ms // MS_PER_DAY


def date_of(day: int) -> date:
    """Give the date of a day number."""
    return EPOCH_DAY + timedelta(days=day)


@dataclass(frozen=True, order=True)
class Window:
    """The half-open interval [start_ms, end_ms) in UTC milliseconds since the epoch."""

    start_ms: int
    end_ms: int

    def __post_init__(self) -> None:
        if self.end_ms < self.start_ms:
            raise ValueError(f"window ends before it starts: {self.start_ms} > {self.end_ms}")

    @property
    def start(self) -> datetime:
        """The first instant."""
        return from_ms(self.start_ms)

    @property
    def end(self) -> datetime:
        """The first instant after the window."""
        return from_ms(self.end_ms)

    @property
    def length_ms(self) -> int:
        """How long it is, in ms."""
        return self.end_ms - self.start_ms

    @property
    def days(self) -> range:
        """The day numbers that it touches."""
        return range(self.start_ms // MS_PER_DAY, -(-self.end_ms // MS_PER_DAY))

    def widened(self) -> Window:
        """Widen outward to the five-minute grid (docs/spec/ledger.md, section 4)."""
        return Window(self.start_ms // BUCKET_MS * BUCKET_MS, -(-self.end_ms // BUCKET_MS) * BUCKET_MS)

    def before(self) -> Window:
        """Give the window of the same length that ends where this one starts."""
        return Window(self.start_ms - self.length_ms, self.start_ms)
