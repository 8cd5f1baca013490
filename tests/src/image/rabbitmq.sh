#!/bin/sh
# Debian's own script changes the user first, and here there are none.
export HOME=/var/lib/rabbitmq RABBITMQ_NODENAME=rabbit@localhost RABBITMQ_LOGS=-
exec "/usr/lib/rabbitmq/bin/${0##*/}" "$@"
