package app

import (
	"context"
	"log/slog"
	"time"

	"yanquan/internal/jobs"
	"yanquan/models"
)

// Clocks of machines disagree, and what one replica writes another judges: leases,
// and until when a voucher can be undone. So all go by the database server's clock.
// Signatures are judged by others, by the true time, and stay with the machine's.
const (
	clockEvery = 30 * time.Second
	clockOff   = 2 * time.Second // more is worth a word to the operator
)

// clock follows the clock of the database server.
type clock struct {
	db     *models.DB
	log    *slog.Logger
	warned bool
}

// look asks for the time.
func (c *clock) look(ctx context.Context) error {
	behind, err := c.db.FollowServer(ctx)
	if off := behind.Abs() > clockOff; err == nil && off != c.warned {
		if c.warned = off; off {
			c.log.Warn("this machine's clock and the database server's differ; set both by NTP", "behind", behind.Round(time.Millisecond))
		} else {
			c.log.Info("this machine's clock and the database server's agree again")
		}
	}
	return err
}

// follow looks again. Without an answer the last one stands; others say that the
// database is gone.
func (c *clock) follow(ctx context.Context) error {
	_ = c.look(ctx)
	return nil
}

// resealAgain is the pause after a failure.
const resealAgain = time.Minute

// resealing seals with the current key what former ones sealed. That can take
// minutes, and nothing waits for it: the former keys still open it.
func resealing(db *models.DB, log *slog.Logger) jobs.Job {
	done := false
	return jobs.Periodic("reseal", resealAgain, func(ctx context.Context) error {
		if done {
			return nil
		}
		n, err := db.Reseal(ctx)
		if n > 0 {
			log.Info("sealed anew with secret_key", "values", n, "all", err == nil)
		}
		done = err == nil
		return err
	})
}

// runJobs does the jobs until the context ends, and what is under way with it.
func runJobs(ctx context.Context, o Options, table []jobs.Job) {
	r := jobs.New(jobs.Options{Jobs: table, Every: time.Second, Base: ctx, Sleep: o.Pause, Log: o.Log})
	r.Run(ctx)
	r.Drain()
}
