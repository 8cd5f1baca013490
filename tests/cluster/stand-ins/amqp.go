package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// open connects to a broker and declares a queue, which is the one of RabbitMQ's tutorial unless named.
func open(arguments []string, name int) (*amqp.Connection, *amqp.Channel, string, error) {
	if len(arguments) == 0 {
		return nil, nil, "", errors.New("the address of the broker is missing")
	}
	connection, err := amqp.Dial(arguments[0])
	if err != nil {
		return nil, nil, "", err
	}
	channel, err := connection.Channel()
	if err != nil {
		return nil, nil, "", err
	}
	queue := "hello"
	if len(arguments) > name {
		queue = arguments[name]
	}
	_, err = channel.QueueDeclare(queue, false, false, false, false, nil)
	return connection, channel, queue, err
}

// send publishes: ADDRESS COUNT [QUEUE [SECONDS]]. With seconds it publishes as many again whenever they have passed, until
// it is ended.
func send(arguments []string) error {
	connection, channel, queue, err := open(arguments, 2)
	if err != nil {
		return err
	}
	if len(arguments) < 2 {
		return errors.New("the number of messages is missing")
	}
	count, err := strconv.Atoi(arguments[1])
	if err != nil {
		return err
	}
	pause := 0
	if len(arguments) > 3 {
		if pause, err = strconv.Atoi(arguments[3]); err != nil {
			return err
		}
	}
	for again := true; again; again = pause > 0 {
		for message := range count {
			body := amqp.Publishing{ContentType: "text/plain", Body: []byte("message " + strconv.Itoa(message))}
			if err := channel.PublishWithContext(context.Background(), "", queue, false, false, body); err != nil {
				return err
			}
		}
		fmt.Println("sent", count, "messages")
		time.Sleep(time.Duration(pause) * time.Second)
	}
	// What was written before the end of a channel has arrived when the end is confirmed.
	return errors.Join(channel.Close(), connection.Close())
}

// receive takes a message a second and confirms it: ADDRESS [QUEUE].
func receive(arguments []string) error {
	_, channel, queue, err := open(arguments, 1)
	if err != nil {
		return err
	}
	if err := channel.Qos(1, 0, false); err != nil {
		return err
	}
	deliveries, err := channel.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	for delivery := range deliveries {
		fmt.Println("received", string(delivery.Body))
		time.Sleep(time.Second)
		if err := delivery.Ack(false); err != nil {
			return err
		}
	}
	return errors.New("the broker has gone")
}
