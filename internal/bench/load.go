package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// connections is how many requests are under way at a time in a closed loop, and
// how many connections to the database everybody has.
const connections = 20

// line is a keep-alive connection that speaks just enough HTTP: the generator
// shares the processor with what it measures and must not take much of it.
type line struct {
	conn net.Conn
	in   *bufio.Reader
}

func dial(address string) (*line, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &line{conn, bufio.NewReader(conn)}, nil
}

// post sends a request that is ready for the wire and gives the status.
func (l *line) post(request []byte) (status int, err error) {
	if _, err := l.conn.Write(request); err != nil {
		return 0, err
	}
	length := 0
	for first := true; ; first = false {
		text, err := l.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		text = bytes.TrimRight(text, "\r\n")
		switch name, value, _ := bytes.Cut(text, []byte(":")); {
		case first:
			if len(text) < len("HTTP/1.1 200") {
				return 0, errors.New("not an HTTP answer")
			}
			if status, err = strconv.Atoi(string(text[9:12])); err != nil {
				return 0, err
			}
		case len(text) == 0:
			_, err := l.in.Discard(length)
			return status, err
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		}
	}
}

// closedLoop posts the requests over all connections, each as soon as the one
// before is answered, and gives the rate per second. Anything but 200 is an
// error.
func closedLoop(address string, requests [][]byte) (float64, error) {
	lines := make([]*line, connections)
	for i := range lines {
		var err error
		if lines[i], err = dial(address); err != nil {
			return 0, err
		}
		defer lines[i].conn.Close()
	}
	return inParallel(len(requests), func(worker, i int) error {
		status, err := lines[worker].post(requests[i])
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d", status)
		}
		return err
	})
}

// inParallel does n things by as many workers as there are connections and gives
// the rate per second.
func inParallel(n int, do func(worker, i int) error) (float64, error) {
	var next atomic.Int64
	errs := make([]error, connections)
	var wg sync.WaitGroup
	began := time.Now()
	for w := range connections {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[w] == nil; i = int(next.Add(1)) - 1 {
				errs[w] = do(w, i)
			}
		})
	}
	wg.Wait()
	return float64(n) / time.Since(began).Seconds(), errors.Join(errs...)
}

// sent is a request of an open loop and what became of it.
type sent struct {
	took   time.Duration // since it was due, not since it could be sent
	status int           // 0: no answer
}

// openLoop posts the requests at a constant rate, however long the answers take:
// a stall is charged to every request that was due meanwhile.
func openLoop(ctx context.Context, address string, perSecond int, requests [][]byte) []sent {
	out := make([]sent, len(requests))
	idle := make(chan *line, len(requests))
	var wg sync.WaitGroup
	began := time.Now()
	for i, request := range requests {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return out[:i]
		}
		wg.Go(func() {
			var l *line
			var err error
			select {
			case l = <-idle:
			default:
				l, err = dial(address)
			}
			if err == nil {
				out[i].status, err = l.post(request)
			}
			out[i].took = time.Since(due)
			if err == nil {
				idle <- l
			}
		})
	}
	wg.Wait()
	close(idle)
	for l := range idle {
		l.conn.Close()
	}
	return out
}
