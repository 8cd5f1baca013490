"""The rounds of a call: every trigger hands in its questions, one exchange answers all of them, and everybody goes on.

A measurement is a coroutine, stepped by hand: what it awaits is a question, and there is no event loop. It knows neither
protocols nor settings.
"""

import inspect

from .failure import failure_of, transient, unexpected

# How many exchanges one call may have, as in the SDK for Rust: 32 of 50 ms are 1.6 s.
ROUNDS_MAX = 32


class Question:
    """What a coroutine awaits: the parts that travel, and how their answers are read."""

    def __init__(self, parts, read):
        self.parts, self.read = parts, read

    def __await__(self):
        return (yield self)


class Seat:
    """One measurement under way. When it is done, `failure` says why there is no `value`."""

    def __init__(self, begin):
        self.done, self.value, self.failure = False, None, None
        self._coroutine, self.question = None, None
        self._try(lambda: self._begin(begin))

    def answer(self, read):
        """Goes on with what `read` makes of the answers, or with what it raises."""
        try:
            value = read(self.question)
        except Exception as failure:
            self.refuse(failure)
        else:
            self._try(lambda: self._go(lambda: self._coroutine.send(value)))

    def refuse(self, failure):
        """Goes on with a failure, which the measurement may catch."""
        self._try(lambda: self._go(lambda: self._coroutine.throw(failure)))

    def fail(self, failure):
        """Ends it."""
        self.done, self.failure = True, failure

    def _begin(self, begin):
        begun = begin()
        # A scaler that asks nobody may answer at once.
        if not inspect.iscoroutine(begun):
            self._end(begun)
        else:
            self._coroutine = begun
            self._go(lambda: begun.send(None))

    def _go(self, step):
        try:
            self.question = step()
        except StopIteration as ended:
            self._end(ended.value)
            return
        if not isinstance(self.question, Question):
            self._coroutine.close()
            raise stuck()

    def _end(self, value):
        self.done, self.value = True, value

    def _try(self, step):
        try:
            step()
        except Exception as raised:
            self.fail(failure_of(raised))


def together(beginnings, exchange):
    """Runs measurements side by side; `exchange` answers the parts of a round. One seat for each, in order."""
    seats = [Seat(begin) for begin in beginnings]
    turn = 0
    while waiting := [seat for seat in seats if not seat.done]:
        if turn < ROUNDS_MAX:
            one_round(waiting, exchange)
        else:
            # Those who still ask are told so; one who goes on all the same is ended.
            for seat in waiting:
                seat.refuse(too_many_rounds()) if turn == ROUNDS_MAX else seat.fail(too_many_rounds())
        turn += 1
    return seats


def one_round(waiting, exchange):
    """Sends what is waited for, each different part once, and goes on with everybody."""
    places = {}
    for seat in waiting:
        for part in seat.question.parts:
            places.setdefault(part, len(places))
    try:
        answers = exchange(list(places)) if places else []
    except Exception as raised:
        for seat in waiting:
            seat.refuse(failure_of(raised))
        return
    for seat in waiting:
        seat.answer(lambda question: question.read([picked(answers, places[part]) for part in question.parts]))


def picked(answers, place):
    """The answer of a part."""
    if place >= len(answers):
        raise unexpected("the source gave fewer answers than there were questions")
    return answers[place]


def stuck():
    """It would wait for ever."""
    return transient("stuck", "the scaler waits for something that is no question to its connection")


def too_many_rounds():
    """It would ask for ever."""
    return transient("too-many-rounds", f"the scaler asked {ROUNDS_MAX} times in a row and wanted more")
