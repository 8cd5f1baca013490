"""The work of the scenario: tasks that wait, and tasks that compute."""

import os
import time

from celery import Celery
from celery.signals import worker_ready

app = Celery("tasks", broker=os.environ["BROKER"])
# A worker takes what it works on and leaves the rest in the queue, where it can be counted.
app.conf.worker_prefetch_multiplier = 1
app.conf.broker_connection_retry_on_startup = True


@worker_ready.connect
def connected(**_):
    """Tells the pod's probe."""
    open("/tmp/connected", "w").close()


@app.task(ignore_result=True)
def wait():
    """Waits for somebody else, as most of a Zap's steps do: next to no processor."""
    time.sleep(3)


@app.task(ignore_result=True)
def compute():
    """Two hundredths of a processor for a minute and a half."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        # Counted in time of the processor, so that a busy machine changes nothing.
        enough = time.thread_time() + 0.01
        while time.thread_time() < enough:
            pass
        time.sleep(0.5)
