"""Texts become values as in the SDK for Rust, and every problem is told at once."""

import unittest

from bellows import Scaler, setting
from bellows.setting import boolean, number, whole


class Everything(Scaler, type="everything", over="nothing"):
    """Everything that
    a declaration can say."""

    text: str = setting("text", help="A text.")
    number: float = setting("number", 10.0, help="A number.")
    flag: bool | None = setting("switch", help="A switch.")
    secret: int = setting("secret", 1, least=0, source=("authentication", "environment"), help="A secret.")
    items: list[str] = setting("items", ["a", "b"], help="A list.")


class Settings(unittest.TestCase):
    def test_whole_numbers_are_json_numbers_without_a_point(self):
        for text, value in (
            ("5", 5), ("0", 0), ("-3", -3), ("-0", 0), ("9223372036854775807", 2**63 - 1), ("9223372036854775808", None),
            ("5.0", None), ("5e0", None), ("05", None), ("+5", None), ("0x5", None), ("5 ", None), ("five", None),
            ("-", None), ("1" * 5000, None), ("٣", None),
        ):
            self.assertEqual(whole(text), value, text)

    def test_broken_numbers_are_json_numbers(self):
        for text, value in (
            ("5", 5.0), ("5.0", 5.0), ("-0.5", -0.5), ("1e3", 1000.0), ("1.5E-1", 0.15), ("1e400", None), (".5", None),
            ("5.", None), ("5e", None), ("01.5", None), ("+1", None), ("NaN", None), ("inf", None), ("1_000", None),
        ):
            self.assertEqual(number(text), value, text)

    def test_booleans_are_the_words_that_go_reads(self):
        for text in ("1", "t", "T", "TRUE", "true", "True"):
            self.assertIs(boolean(text), True, text)
        for text in ("0", "f", "F", "FALSE", "false", "False"):
            self.assertIs(boolean(text), False, text)
        for text in ("yes", "no", "on", "tRUE", "2"):
            self.assertIsNone(boolean(text), text)

    def test_what_is_left_out_gets_its_default(self):
        scaler, problems = Everything.read({"text": " t\n", "number": "  "})
        self.assertEqual(problems, [])
        found = (scaler.text, scaler.number, scaler.flag, scaler.secret, scaler.items)
        self.assertEqual(found, ("t", 10.0, None, 1, ["a", "b"]))

    def test_every_problem_is_told_in_the_order_of_the_declaration(self):
        _, problems = Everything.read({"number": "ten", "switch": "yes", "secret": "hunter2", "stranger": "1"})
        self.assertEqual([(problem.parameter, problem.message) for problem in problems], [
            ("text", "is required; it is set in the trigger's metadata"),
            ("number", 'accepted is a number, such as 5 or 0.5, not "ten"'),
            ("switch", 'accepted is true or false, not "yes"'),
            ("secret", "accepted is a whole number from 0, and the value is something else"),
        ])
        _, problems = Everything.read({"text": "t", "number": "é" * 100})
        shown = "é" * 64
        self.assertEqual(problems[0].message, f'accepted is a number, such as 5 or 0.5, not "{shown}…"')

    def test_a_declaration_that_cannot_be_meant_is_told_when_the_file_is_read(self):
        with self.assertRaisesRegex(TypeError, "Amqp is over amqp, and the SDK for Python knows redis, http, nothing"):
            class Amqp(Scaler, type="amqp", over="amqp"):
                pass
        with self.assertRaisesRegex(TypeError, "Bare.key has no type"):
            class Bare(Scaler, type="bare", over="redis"):
                key = setting("key", help="")
        with self.assertRaisesRegex(TypeError, "setting key: its type is str, bool, float, int or"):
            class Odd(Scaler, type="odd", over="redis"):
                key: bytes = setting("key", help="")
        with self.assertRaisesRegex(TypeError, "setting key: a value does not come from elsewhere"):
            setting("key", help="", source=("elsewhere",))
