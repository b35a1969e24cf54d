package fakeserver

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"runtime"
)

// Host returns an address of this machine that no other test listens at: a port that was
// closed there stays closed, and what is still sent to a program that has ended reaches
// nobody else. Only Linux answers to the whole of 127.0.0.0/8; elsewhere it is 127.0.0.1.
func Host() string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	ip := binary.BigEndian.AppendUint32(nil, 127<<24|1<<16+rand.Uint32N(1<<24-2<<16))
	return net.IP(ip).String()
}
