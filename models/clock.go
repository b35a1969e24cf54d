package models

import (
	"context"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
)

// serverTime is what the server's clock has shown.
type serverTime struct{ seen atomic.Pointer[reading] }

// reading is one look at the server's clock.
type reading struct {
	server time.Time
	local  time.Time     // the same moment by this machine's clock
	within time.Duration // how far it can be off
}

func (r *reading) at(local time.Time) time.Time { return r.server.Add(local.Sub(r.local)) }

// Now is the time that all who work on this database agree on: the server's, once
// [DB.FollowServer] has asked for it, or else this machine's. Leases and deadlines
// that one process writes and another judges are of this clock.
func (db *DB) Now() time.Time { return db.clock() }

func (c *core) clock() time.Time {
	local := c.cfg.Now()
	if r := c.time.seen.Load(); r != nil {
		// Between two looks only the passing of time counts: where the machine's
		// clock is stepped, Sub goes by the monotonic one.
		return r.at(local)
	}
	return local
}

// FollowServer looks at the clock of the server and goes by it from now on. It says
// how far this machine's clock is behind. It is to be called again from time to
// time, for clocks drift. A file has no clock: this machine's remains.
//
// The nodes of a cluster are taken to agree among themselves, as the clocks of
// database servers do that are set by NTP.
func (db *DB) FollowServer(ctx context.Context) (behind time.Duration, err error) {
	if db.cfg.Driver != MySQL {
		return 0, nil
	}
	var r *reading
	for range 3 { // the fastest answer tells most
		var server time.Time
		asked := db.cfg.Now()
		err := db.read(ctx, "clock", func(g *gorm.DB) error {
			return g.Raw("SELECT UTC_TIMESTAMP(6)").Row().Scan(&server)
		})
		if err != nil {
			return 0, err
		}
		half := db.cfg.Now().Sub(asked) / 2
		if r == nil || half < r.within {
			r = &reading{server: server, local: asked.Add(half), within: half}
		}
	}
	// Within the error of both looks nothing has changed, and time does not waver.
	if last := db.time.seen.Load(); last == nil || last.at(r.local).Sub(r.server).Abs() > last.within+r.within+agree {
		db.time.seen.Store(r)
	}
	return r.server.Sub(r.local), nil
}

// agree is a difference of clocks that matters to nothing.
const agree = 50 * time.Millisecond
