import unittest
from datetime import datetime

from harbour.cargo import describe, heaviest_first, item, total_weight
from harbour.ship import Ship, sailing
from harbour.tides import TideTable, hours_until, in_words

MORNING = datetime(2026, 1, 2, 4, 30)


class CargoTest(unittest.TestCase):
    def test_weights_are_added(self) -> None:
        self.assertEqual(total_weight([item("salt", 3), item("wine", 4)]), 7)

    def test_nothing_weighs_less_than_nothing(self) -> None:
        with self.assertRaises(ValueError):
            item("hope", -1)

    def test_the_heaviest_comes_first(self) -> None:
        names = [each.name for each in heaviest_first([item("salt", 3), item("wine", 4)])]
        self.assertEqual(names, ["wine", "salt"])

    def test_an_item_is_described(self) -> None:
        self.assertEqual(describe(item("salt", 3)), "       3 kg  salt")
        self.assertEqual(describe(item("glass", 30, True)), "      30 kg  GLASS")


class TidesTest(unittest.TestCase):
    def setUp(self) -> None:
        self.tides = TideTable()
        self.tides.add(MORNING, 9.5)

    def test_the_next_tide_is_found(self) -> None:
        self.assertEqual(self.tides.next(datetime(2026, 1, 2)), (MORNING, 9.5))
        self.assertIsNone(self.tides.next(datetime(2026, 1, 3)))

    def test_water_is_deep_at_high_tide(self) -> None:
        self.assertEqual(self.tides.depth(datetime(2026, 1, 2), 2.5), 7.0)
        self.assertEqual(self.tides.depth(datetime(2026, 1, 3), 2.5), -2.5)

    def test_hours_are_told_in_words(self) -> None:
        self.assertEqual(hours_until(MORNING, datetime(2026, 1, 2)), 4.5)
        self.assertEqual(in_words(4.5), "4 h 30 min")


class ShipTest(unittest.TestCase):
    def setUp(self) -> None:
        self.ship = Ship("Matthew", 10)

    def test_a_full_ship_takes_no_more(self) -> None:
        self.assertTrue(self.ship.load("salt", 8))
        self.assertFalse(self.ship.load("wine", 3))
        self.assertEqual(self.ship.manifest(), ["       8 kg  salt"])
        self.assertEqual(self.ship.draught(), 2.8)

    def test_it_sails_when_the_water_is_deep(self) -> None:
        tides = TideTable()
        tides.add(MORNING, 1.5)
        self.assertEqual(sailing(self.ship, tides, datetime(2026, 1, 2)), "Matthew waits 4 h 30 min")
        self.assertEqual(sailing(self.ship, tides, datetime(2026, 1, 3)), "Matthew may leave")
        tides.add(MORNING, 0.5)
        tides.add(datetime(2026, 1, 2, 3), 9.5)
        self.assertEqual(sailing(self.ship, tides, datetime(2026, 1, 2)), "Matthew may leave")


if __name__ == "__main__":
    unittest.main()
