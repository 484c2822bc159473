"""Ships, and when they sail."""

from datetime import datetime

from harbour.cargo import Item, describe, heaviest_first, item, total_weight
from harbour.tides import TideTable, hours_until, in_words


class Ship:
    def __init__(self, name: str, capacity: float) -> None:
        self.name = name
        self.capacity = capacity
        self.hold: list[Item] = []

    def load(self, name: str, kilograms: float) -> bool:
        following = item(name, kilograms)
        if total_weight(self.hold) + following.kilograms > self.capacity:
            return False
        self.hold.append(following)
        return True

    def draught(self) -> float:
        return 2 + total_weight(self.hold) / self.capacity

    def manifest(self) -> list[str]:
        return [describe(each) for each in heaviest_first(self.hold)]


def sailing(ship: Ship, tides: TideTable, now: datetime) -> str:
    margin = tides.depth(now, ship.draught())
    tide = tides.next(now)
    if margin >= 0 or tide is None:
        return ship.name + " may leave"
    return ship.name + " waits " + in_words(hours_until(tide[0], now))
