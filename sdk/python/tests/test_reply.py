"""What a source's answers mean: as in the SDK for Rust."""

import unittest

from bellows import Failure, encoded
from bellows.http import Response
from bellows.redis import Reply, gathered
from bellows.testing import cases


class Answers(unittest.TestCase):
    def caught(self, run):
        with self.assertRaises(Failure) as context:
            run()
        failure = context.exception
        return failure.kind, failure.code, failure.message

    def test_an_error_of_redis_says_what_to_do_next(self):
        for message, kind, code in (
            ("NOAUTH Authentication required.", "denied", "unauthorized"), ("WRONGPASS invalid", "denied", "unauthorized"),
            ("NOPERM no", "denied", "forbidden"), ("WRONGTYPE no", "transient", "wrong-type"),
            ("LOADING Redis is", "transient", "loading"), ("ERR unknown", "transient", "error"), ("", "transient", "error"),
        ):
            self.assertEqual(self.caught(Reply("error", message).integer), (kind, code, message))
        nothing = "the server answered with nothing instead of a whole number"
        self.assertEqual(self.caught(Reply("nil").integer), ("transient", "unexpected-reply", nothing))

    def test_pieces_become_a_tree_or_no_reply(self):
        made = cases("Value", "Items", "Pairs", "Integer")
        items, pairs, number = made.values()
        tree = gathered([items(2), pairs(1), number(1), number(2), items(0)])
        self.assertEqual(tree.value[0].value, [(Reply("integer", 1), Reply("integer", 2))])
        self.assertEqual(tree.value[1].value, [])
        for pieces in ([], [items(2), number(1)], [number(1), number(2)], [items(2**32 - 1)], [items(1)] * 1000):
            self.assertEqual(self.caught(lambda pieces=pieces: gathered(pieces))[1], "unexpected-reply")

    def test_a_status_says_what_to_do_next_and_its_content_is_not_repeated(self):
        for status, kind, code in (
            (401, "denied", "unauthorized"), (403, "denied", "forbidden"), (404, "absent", "not-found"),
            (429, "transient", "too-many-requests"), (500, "transient", "server-error"),
            (302, "transient", "unexpected-status"),
        ):
            told = self.caught(Response(status, b"secret").ok)
            self.assertEqual(told[:2], (kind, code))
            self.assertTrue(told[2].startswith(f"the server answered with status {status}"))
            self.assertNotIn("secret", told[2])
        for body in (b"", b"[" * 100_000, b"\xff"):
            self.assertEqual(self.caught(Response(200, body).json)[1], "unexpected-reply")

    def test_a_segment_keeps_nothing_that_a_path_or_a_query_would_read(self):
        self.assertEqual(encoded("a b/c?d=e&f+g%h.i-j_k~l'(ä)"), "a%20b%2Fc%3Fd%3De%26f%2Bg%25h.i-j_k~l%27%28%C3%A4%29")
