package modelstest

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// Engine makes the server of a DSN look like another one that speaks its protocol, as
// far as that refuses statements by numbers of its own.
type Engine struct {
	// Refuse says with which number and text a statement is refused; nil: it is not.
	Refuse func(statement string) *mysql.MySQLError
	// Done says that the server carries a refused statement out all the same.
	Done bool
	// ChangedRows counts the rows that an UPDATE changes, for all clients, as ProxySQL
	// can be set to.
	ChangedRows bool
}

// Refusal is an error of an engine.
func Refusal(number uint16, text string) *mysql.MySQLError {
	return &mysql.MySQLError{Number: number, SQLState: [5]byte{'H', 'Y', '0', '0', '0'}, Message: text}
}

// NewEngine starts one and returns the DSN to it.
func NewEngine(tb testing.TB, dsn string, e Engine) string {
	tb.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		tb.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go e.serve(client, cfg.Addr)
		}
	}()
	return strings.Replace(dsn, "("+cfg.Addr+")", "("+l.Addr().String()+")", 1)
}

// serve passes packets on until one side ends.
func (e Engine) serve(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	var instead atomic.Pointer[mysql.MySQLError] // of the server's next answer
	go func() {
		defer client.Close()
		answer := make([]byte, 1<<16)
		for {
			n, err := server.Read(answer)
			if err != nil {
				return
			}
			told := answer[:n]
			if refusal := instead.Swap(nil); refusal != nil {
				told = packet(refusal)
			}
			if _, err := client.Write(told); err != nil {
				return
			}
		}
	}()
	for first := true; ; first = false {
		whole, err := readPacket(client)
		if err != nil {
			return
		}
		const foundRows = 2 // a capability, of those in the first packet
		if first && e.ChangedRows {
			whole[4] &^= foundRows
		}
		refusal := e.refusal(whole)
		if refusal != nil && !e.Done {
			if _, err := client.Write(packet(refusal)); err != nil {
				return
			}
			continue
		}
		instead.Store(refusal)
		if _, err := server.Write(whole); err != nil {
			return
		}
	}
}

// refusal is what the engine says to a packet of the client.
func (e Engine) refusal(whole []byte) *mysql.MySQLError {
	const query = 3
	if e.Refuse == nil || len(whole) < 5 || whole[3] != 0 || whole[4] != query {
		return nil
	}
	return e.Refuse(string(whole[5:]))
}

// readPacket reads one with its header: three bytes of length, one that counts.
func readPacket(r io.Reader) ([]byte, error) {
	var header [4]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	length := int(header[0]) | int(header[1])<<8 | int(header[2])<<16
	if length == 1<<24-1 {
		return nil, errors.New("a packet in parts")
	}
	whole := append(header[:], make([]byte, length)...)
	_, err := io.ReadFull(r, whole[4:])
	return whole, err
}

// packet is an error as the first answer to a statement.
func packet(refusal *mysql.MySQLError) []byte {
	body := binary.LittleEndian.AppendUint16([]byte{0xff}, refusal.Number)
	body = append(append(append(body, '#'), refusal.SQLState[:]...), refusal.Message...)
	return append([]byte{byte(len(body)), byte(len(body) >> 8), 0, 1}, body...)
}
