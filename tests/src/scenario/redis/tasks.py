"""The work of the demo: tasks that sleep for one to three seconds."""

import os
import random
import ssl
import time

from celery import Celery

app = Celery("tasks", broker=f"rediss://:{os.environ['REDIS_PASSWORD']}@{os.environ['REDIS_HOST']}/0")
app.conf.broker_use_ssl = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_ca_certs": "/authority/ca.crt"}
app.conf.task_default_queue = os.environ["REDIS_LIST"]
# A worker takes what it works on and leaves the rest in the list, where it can be counted.
app.conf.worker_prefetch_multiplier = 1


@app.task(ignore_result=True)
def work(number):
    """Sleeps, as work that waits for something does."""
    seconds = random.uniform(1, 3)
    time.sleep(seconds)
    print(f"task {number} took {seconds:.1f} s")
