"""What ships carry."""

from dataclasses import dataclass
from typing import Iterable


@dataclass(frozen=True)
class Item:
    name: str
    kilograms: float
    fragile: bool = False


def item(name: str, kilograms: float, fragile: bool = False) -> Item:
    if kilograms < 0:
        raise ValueError(f"{name} weighs less than nothing")
    return Item(name, kilograms, fragile)


def total_weight(items: Iterable[Item]) -> float:
    total = 0.0
    for each in items:
        total += each.kilograms
    return total


def heaviest_first(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda each: each.kilograms, reverse=True)


def describe(each: Item) -> str:
    weight = str(round(each.kilograms)).rjust(8)
    name = each.name.upper() if each.fragile else each.name
    return weight + " kg  " + name
