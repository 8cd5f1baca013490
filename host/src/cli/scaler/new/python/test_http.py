"""The scaler natively, with replies by script; `bellows scaler test` runs cases.toml against the component."""

import unittest

from bellows.testing import Outcome, measure
from scaler import Waiting


class Numbers(unittest.TestCase):
    def test_triggers_of_one_address_ask_once_and_each_reads_its_own_field(self):
        url = "http://api.shop.svc/queue?name=jobs"
        replies = {"GET /queue?name=jobs": (200, '{"waiting": 7.5, "ready": 0}')}
        outcomes, rounds = measure(Waiting, [{"url": url}, {"url": url, "field": "ready"}], replies)
        self.assertEqual(outcomes, [Outcome(7.5, True), Outcome(0.0, False)])
        self.assertEqual(rounds, [[["GET", "/queue?name=jobs"]]])
