package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// wire is a proxy in front of a MySQL server that sees each statement before the
// server does.
type wire struct {
	listener net.Listener
	server   string
	before   func(statement string, commits bool)
}

// newWire makes a proxy for the server of a DSN and returns the DSN through it.
// before is called for each statement and may hold it up; commits says that the
// statement makes changes durable: a COMMIT, or a change outside a transaction.
func newWire(dsn string, before func(statement string, commits bool)) (w *wire, through string, err error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, "", err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	w = &wire{l, cfg.Addr, before}
	go w.accept()
	cfg.Addr = l.Addr().String()
	return w, cfg.FormatDSN(), nil
}

func (w *wire) close() { w.listener.Close() }

func (w *wire) accept() {
	for {
		client, err := w.listener.Accept()
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
			statement := string(packet[5:])
			verb, _, _ := strings.Cut(statement, " ")
			commits := false
			switch verb {
			case "START":
				inTx = true
			case "COMMIT":
				inTx, commits = false, true
			case "ROLLBACK":
				inTx = false
			case "INSERT", "UPDATE", "DELETE":
				commits = !inTx
			}
			w.before(statement, commits)
		}
		if _, err := server.Write(packet); err != nil {
			return err
		}
	}
}
