package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// connections is how many requests are under way at a time in a closed loop, and
// how many connections to the database everybody has.
const connections = 20

// line is a keep-alive connection without a client's pool and contexts: the generator
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
	answer, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

// closedLoop does n things over all connections, each as soon as the one before on
// its connection is done, and gives the rate per second.
func closedLoop(address string, n int, do func(l *line, i int)) float64 {
	lines := make([]*line, connections)
	for i := range lines {
		lines[i] = must(dial(address))
		defer lines[i].conn.Close()
	}
	return inParallel(n, func(worker, i int) { do(lines[worker], i) })
}

// accepted ends the measurement where a status is not 200.
func accepted(status int, err error) {
	check(err)
	if status != http.StatusOK {
		check(fmt.Errorf("not accepted: status %d", status))
	}
}

// inParallel does n things by as many workers as there are connections and gives
// the rate per second.
func inParallel(n int, do func(worker, i int)) float64 {
	var next atomic.Int64
	errs := make([]error, connections)
	var wg sync.WaitGroup
	began := time.Now()
	for w := range connections {
		wg.Go(func() {
			errs[w] = try(func() {
				for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
					do(w, i)
				}
			})
		})
	}
	wg.Wait()
	check(errors.Join(errs...))
	return float64(n) / time.Since(began).Seconds()
}

// sent is a request of an open loop and what became of it.
type sent struct {
	due    time.Time
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
			check(ctx.Err())
		}
		wg.Go(func() {
			var l *line
			var err error
			select {
			case l = <-idle:
			default:
				l, err = dial(address)
			}
			out[i].due = due
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
