module bellows.dev/cluster/stand-ins

go 1.26.0

require github.com/rabbitmq/amqp091-go v1.15.0
