"""When the water is high."""

from datetime import datetime, timedelta
from typing import Optional


class TideTable:
    def __init__(self) -> None:
        self.tides: list[tuple[datetime, float]] = []

    def add(self, at: datetime, metres: float) -> None:
        self.tides.append((at, metres))
        self.tides.sort()

    def next(self, now: datetime) -> Optional[tuple[datetime, float]]:
        for at, metres in self.tides:
            if at >= now:
                return at, metres
        return None

    def depth(self, now: datetime, keel: float) -> float:
        tide = self.next(now)
        if tide is None:
            return -keel
        return tide[1] - keel


def hours_until(at: datetime, now: datetime) -> float:
    return (at - now) / timedelta(hours=1)


def in_words(hours: float) -> str:
    whole = int(hours)
    minutes = round((hours - whole) * 60)
    words = [str(whole), "h", str(minutes), "min"]
    return " ".join(words)
