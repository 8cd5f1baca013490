"""The scaler natively; `bellows scaler test` runs cases.toml against the component."""

import unittest

from bellows.scaler import Instant
from bellows.testing import measure
from scaler import Hours


class Nights(unittest.TestCase):
    def test_a_night_begins_on_one_day_and_ends_on_the_next(self):
        def active(hour):
            outcomes, _ = measure(Hours, [{"start": 22, "end": 6}], {}, Instant(hour * 3600, 0))
            return outcomes[0].active

        self.assertEqual([active(hour) for hour in (21, 22, 23, 0, 5, 6)], [False, True, True, True, True, False])
