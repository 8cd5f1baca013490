"""Sends the demo's tasks."""

import sys

from tasks import work

for number in range(int(sys.argv[1])):
    work.delay(number)
print(f"sent {sys.argv[1]} tasks")
