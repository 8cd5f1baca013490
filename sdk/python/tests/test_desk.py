"""Rounds of a call: as in the SDK for Rust."""

import unittest

from bellows.desk import ROUNDS_MAX, Question, together
from bellows.failure import Failure, transient


def ask(*parts):
    return Question(parts, list)


def doubled(parts):
    return [part * 2 for part in parts]


def ends(seats):
    return [seat.failure.code if seat.failure else seat.value for seat in seats]


class Rounds(unittest.TestCase):
    def test_measurements_that_wait_together_share_one_round_and_equal_questions_travel_once(self):
        rounds = []

        async def one(first):
            return sum(await ask(first, 7))

        def exchange(parts):
            rounds.append(parts)
            return doubled(parts)

        seats = together([lambda: one(1), lambda: one(2)], exchange)
        self.assertEqual((ends(seats), rounds), ([16, 18], [[1, 7, 2]]))

    def test_a_second_question_makes_a_second_round_for_all(self):
        rounds = []

        async def one(first):
            return (await ask(*(await ask(first))))[0]

        def exchange(parts):
            rounds.append(parts)
            return doubled(parts)

        self.assertEqual(ends(together([lambda: one(1), lambda: one(2)], exchange)), [4, 8])
        self.assertEqual(rounds, [[1, 2], [2, 4]])

    def test_one_that_waits_for_something_else_is_stuck_and_the_others_are_not(self):
        class Elsewhere:
            def __await__(self):
                yield 5

        async def stuck():
            await Elsewhere()

        async def asks():
            return (await ask(1))[0]

        self.assertEqual(ends(together([stuck, asks, lambda: 3], doubled)), ["stuck", 2, 3])

    def test_one_that_never_stops_asking_is_ended_and_the_others_are_not(self):
        rounds = []

        async def forever():
            while True:
                await ask(1)

        async def stubborn():
            while True:
                try:
                    await ask(1)
                except Failure:
                    pass

        async def once():
            return (await ask(1))[0]

        def exchange(parts):
            rounds.append(parts)
            return doubled(parts)

        seats = together([forever, stubborn, once], exchange)
        self.assertEqual((ends(seats), len(rounds)), (["too-many-rounds", "too-many-rounds", 2], ROUNDS_MAX))

    def test_an_exchange_that_fails_fails_everyone_in_it_and_whoever_wants_to_may_go_on(self):
        def away(_parts):
            raise transient("timeout", "no answer in 3 s")

        async def plain():
            await ask(1)

        async def careful():
            try:
                await ask(1)
            except Failure as failure:
                return failure.code.upper()

        self.assertEqual(ends(together([plain, careful], away)), ["timeout", "TIMEOUT"])

    def test_a_missing_answer_is_not_a_number_and_what_is_raised_is_its_triggers_alone(self):
        async def two():
            await ask(1, 2)

        async def broken():
            await ask(1)
            raise KeyError("oops")

        seats = together([two, broken, lambda: 1], lambda parts: [1])
        self.assertEqual(ends(seats), ["unexpected-reply", "exception", 1])
        self.assertEqual(str(seats[1].failure), "the scaler raised KeyError: 'oops'")
