package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// wire is a proxy in front of a MySQL server that calls beforeCommit before the
// server sees what makes changes durable: a COMMIT, or a change outside a
// transaction.
type wire struct {
	net.Listener
	server       string
	beforeCommit func()
}

// newWire makes a proxy for the server of a DSN and returns the DSN through it.
func newWire(dsn string, beforeCommit func()) (w *wire, through string) {
	cfg := must(mysql.ParseDSN(dsn))
	w = &wire{must(net.Listen("tcp", "127.0.0.1:0")), cfg.Addr, beforeCommit}
	go w.accept()
	cfg.Addr = w.Addr().String()
	return w, cfg.FormatDSN()
}

func (w *wire) accept() {
	for {
		client, err := w.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.server)
		if err != nil {
			client.Close()
			continue
		}
		go func() {
			defer client.Close()
			_, _ = io.Copy(client, server)
		}()
		go func() {
			defer server.Close()
			_ = w.requests(client, server)
		}()
	}
}

// comQuery begins a packet that carries a statement.
const comQuery = 0x03

// requests passes on packets: three bytes of length, one of sequence, which is
// zero where a command begins, and the body.
func (w *wire) requests(client io.Reader, server io.Writer) error {
	in := bufio.NewReader(client)
	inTx := false
	for {
		packet := make([]byte, 4)
		if _, err := io.ReadFull(in, packet); err != nil {
			return err
		}
		length := int(binary.LittleEndian.Uint32([]byte{packet[0], packet[1], packet[2], 0}))
		packet = append(packet, make([]byte, length)...)
		if _, err := io.ReadFull(in, packet[4:]); err != nil {
			return err
		}
		if packet[3] == 0 && length > 0 && packet[4] == comQuery {
			commits := false
			switch verb, _, _ := strings.Cut(string(packet[5:]), " "); verb {
			case "START":
				inTx = true
			case "COMMIT", "ROLLBACK":
				inTx, commits = false, verb == "COMMIT"
			case "INSERT", "UPDATE", "DELETE":
				commits = !inTx
			}
			if commits {
				w.beforeCommit()
			}
		}
		if _, err := server.Write(packet); err != nil {
			return err
		}
	}
}
