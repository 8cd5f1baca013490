package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// connection speaks as much of Redis' protocol as it takes to push and to pop.
type connection struct {
	net.Conn
	answers *bufio.Reader
}

// dial connects to the host in REDIS_HOST or to the address in REDIS_ADDRESS, whose port may be missing.
func dial() (*connection, error) {
	address := variable("REDIS_ADDRESS", variable("REDIS_HOST", "redis"))
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(address, variable("REDIS_PORT", "6379"))
	}
	dialled, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	redis := &connection{dialled, bufio.NewReader(dialled)}
	if password := variable("REDIS_PASSWORD", ""); password != "" {
		if _, _, err := redis.ask("AUTH", password); err != nil {
			return nil, err
		}
	}
	return redis, nil
}

// ask sends a command; there may be no answer, as from an empty list.
func (redis *connection) ask(words ...string) (answer string, found bool, err error) {
	var command strings.Builder
	fmt.Fprintf(&command, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&command, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(redis, command.String()); err != nil {
		return "", false, err
	}
	line, err := redis.line()
	if err != nil {
		return "", false, err
	}
	switch {
	case line == "$-1":
		return "", false, nil
	case strings.HasPrefix(line, "-"):
		return "", false, errors.New(line[1:])
	case strings.HasPrefix(line, "$"):
		answer, err = redis.line()
		return answer, err == nil, err
	default:
		return strings.TrimLeft(line, "+:"), true, nil
	}
}

func (redis *connection) line() (string, error) {
	line, err := redis.answers.ReadString('\n')
	if err == nil && len(strings.TrimSpace(line)) == 0 {
		err = errors.New("an empty answer")
	}
	return strings.TrimRight(line, "\r\n"), err
}

// writeList pushes NO_LIST_ITEMS_TO_WRITE items to LIST_NAME.
func writeList([]string) error {
	count, err := number("NO_LIST_ITEMS_TO_WRITE", 1)
	if err != nil {
		return err
	}
	redis, err := dial()
	if err != nil {
		return err
	}
	for item := range count {
		if _, _, err := redis.ask("RPUSH", variable("LIST_NAME", "my-list"), "item "+strconv.Itoa(item)); err != nil {
			return err
		}
	}
	fmt.Println("wrote", count, "items")
	return nil
}

// readList takes an item from LIST_NAME every READ_PROCESS_TIME milliseconds.
func readList([]string) error {
	pause, err := number("READ_PROCESS_TIME", 200)
	if err != nil {
		return err
	}
	redis, err := dial()
	if err != nil {
		return err
	}
	for {
		item, found, err := redis.ask("LPOP", variable("LIST_NAME", "my-list"))
		if err != nil {
			return err
		}
		if found {
			fmt.Println("read", item)
		}
		time.Sleep(time.Duration(pause) * time.Millisecond)
	}
}
