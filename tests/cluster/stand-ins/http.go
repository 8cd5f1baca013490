package main

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// serveMetric tells a number on port 8080, which is what was last posted to the same path and the number.
func serveMetric([]string) error {
	var current atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/value", func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(answer, `{"value": %d}`, current.Load())
	})
	mux.HandleFunc("POST /api/value/{number}", func(answer http.ResponseWriter, request *http.Request) {
		value, err := strconv.ParseInt(request.PathValue("number"), 10, 64)
		if err != nil {
			http.Error(answer, err.Error(), http.StatusBadRequest)
			return
		}
		current.Store(value)
	})
	return http.ListenAndServe(":8080", mux)
}

// serveWork costs about 60 ms of processor time a request, on port 80.
func serveWork([]string) error {
	return http.ListenAndServe(":80", http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		root := 0.0001
		for began := time.Now(); time.Since(began) < 60*time.Millisecond; {
			for range 1000 {
				root += math.Sqrt(root)
			}
		}
		fmt.Fprintf(answer, "OK %f\n", root)
	}))
}
