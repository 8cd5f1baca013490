// Stand-ins for the programs in the images of KEDA's end-to-end tests. One binary; its name, or its first argument, says
// which of them it plays. Each does what those tests need of it, and no more.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

var parts = map[string]func(arguments []string) error{
	"read":        readList,
	"write":       writeList,
	"send":        send,
	"receive":     receive,
	"metrics-api": serveMetric,
	"hpa-example": serveWork,
}

func main() {
	name, arguments := filepath.Base(os.Args[0]), os.Args[1:]
	if parts[name] == nil && len(arguments) > 0 {
		name, arguments = arguments[0], arguments[1:]
	}
	part := parts[name]
	if part == nil {
		fmt.Fprintf(os.Stderr, "nobody plays %q\n", name)
		os.Exit(2)
	}
	if err := part(arguments); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// variable reads a variable of the environment.
func variable(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// number reads a variable that holds a number.
func number(name string, otherwise int) (int, error) {
	value, err := strconv.Atoi(variable(name, strconv.Itoa(otherwise)))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return value, nil
}
