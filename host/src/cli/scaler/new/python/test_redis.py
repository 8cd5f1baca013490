"""The scaler natively, with replies by script; `bellows scaler test` runs cases.toml against the component."""

import unittest

from bellows.testing import Outcome, measure
from scaler import Length


class Lists(unittest.TestCase):
    def test_the_lists_of_one_call_are_asked_for_in_one_round_and_each_different_one_once(self):
        lists = [{"listName": name} for name in ("a", "b", "a")]
        outcomes, rounds = measure(Length, lists, {"LLEN a": 7, "LLEN b": 0})
        self.assertEqual(outcomes, [Outcome(7.0, True), Outcome(0.0, False), Outcome(7.0, True)])
        self.assertEqual(rounds, [[["LLEN", "a"], ["LLEN", "b"]]])
