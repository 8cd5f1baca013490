"""Sends tasks of one kind."""

import sys

import tasks

task = getattr(tasks, sys.argv[1])
for _ in range(int(sys.argv[2])):
    task.delay()
print(f"sent {sys.argv[2]} tasks")
