package hooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"yanquan/models"
)

// Days tells of each store what it has verified on a day, once nothing of that day can be
// undone any more. All fields are needed.
type Days struct {
	DB       *models.DB
	Writer   *Writer
	Location *time.Location
	Window   time.Duration // within which a verification can be undone, the longest
	Now      func() time.Time

	mu   sync.Mutex
	told string // the newest day that all stores were told of
}

const (
	settled = 5 * time.Minute // after the last possible undo
	catchUp = 7               // days that were missed and are told all the same
)

// closed is the newest day that is over, and so many days before it.
func (d *Days) closed(back int) (from, to time.Time) {
	y, m, day := d.Now().Add(-d.Window - settled).In(d.Location).Date()
	midnight := func(back int) time.Time { return time.Date(y, m, day-back, 0, 0, 0, 0, d.Location) }
	return midnight(back + 1), midnight(back)
}

// Close tells of the days that have been closed. A store that was never told of begins
// with the last day, or after those that another store was told of with its accounts.
func (d *Days) Close(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	newest, _ := d.closed(0)
	if d.told == newest.Format(time.DateOnly) {
		return nil
	}
	oldest, _ := d.closed(catchUp - 1)
	since := oldest.AddDate(0, 0, -1).Format(time.DateOnly)
	last, err := d.DB.HookEvents.LastDays(ctx, DayClosed, since)
	if err != nil {
		return fmt.Errorf("hooks: closed days: %w", err)
	}
	ofAccounts := sync.OnceValues(func() (map[int64]string, error) { return d.lastOfAccounts(ctx, since) })
	unsettled, err := d.unsettled(ctx)
	if err != nil {
		return err
	}
	failed := map[int64]error{} // by store: its later days wait, or this one would be left out for ever
	for back := catchUp - 1; back >= 0; back-- {
		from, to := d.closed(back)
		err := d.close(ctx, from, to, unsettled, failed, func(s models.Store) (bool, error) {
			name, known := last[s.ID]
			if !known {
				days, err := ofAccounts()
				if err != nil {
					return false, err
				}
				for _, a := range s.All() {
					name = max(name, days[a.ID])
				}
				known = name != ""
			}
			return known && name < from.Format(time.DateOnly) || !known && back == 0, nil
		})
		if err != nil {
			return err
		}
	}
	if len(failed) > 0 {
		return errors.Join(slices.Collect(maps.Values(failed))...)
	}
	d.told = newest.Format(time.DateOnly)
	return nil
}

// close tells of a day of the stores that are to be told of, but those that have failed
// before. One that has ended since is among them if it had business on that day.
func (d *Days) close(ctx context.Context, from, to time.Time, unsettled map[int64]int, failed map[int64]error, tells func(models.Store) (bool, error)) error {
	places, err := d.DB.Directory.Places(ctx, models.PlaceFilter{All: true, From: from, To: to})
	if err != nil {
		return fmt.Errorf("hooks: places: %w", err)
	}
	for _, p := range places {
		if failed[p.Store.ID] != nil {
			continue
		}
		due, err := tells(p.Store)
		if err != nil {
			return err
		}
		if !due {
			continue
		}
		if err := d.tell(ctx, p.Store, from, to, unsettled[p.Store.ID]); err != nil {
			failed[p.Store.ID] = err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// lastOfAccounts gives for each account the newest day that its store, whichever that was
// then, was told to be closed with it.
func (d *Days) lastOfAccounts(ctx context.Context, since string) (map[int64]string, error) {
	events, err := d.DB.HookEvents.OfDays(ctx, DayClosed, since)
	if err != nil {
		return nil, fmt.Errorf("hooks: closed days: %w", err)
	}
	last := map[int64]string{}
	for _, e := range events {
		var p struct{ Data day }
		if err := json.Unmarshal(e.Payload, &p); err != nil {
			return nil, fmt.Errorf("hooks: event %s: %w", e.ID, err)
		}
		for _, a := range p.Data.Accounts {
			last[a.ID] = max(last[a.ID], e.Day)
		}
	}
	return last, nil
}

func (d *Days) tell(ctx context.Context, s models.Store, from, to time.Time, unsettled int) error {
	accounts := models.AccountIDs([]models.Store{s})
	f, err := d.DB.Figures.Sum(ctx, accounts, models.Span{From: from, To: to})
	if err != nil {
		return fmt.Errorf("hooks: figures: %w", err)
	}
	refunds, err := d.DB.Refunds.Between(ctx, accounts, from, to)
	if err != nil {
		return fmt.Errorf("hooks: refunds: %w", err)
	}
	name := from.Format(time.DateOnly)
	key := fmt.Sprintf("%d/%s", s.ID, name)
	return d.DB.Tx(ctx, func(tx *models.DB) error {
		_, err := d.Writer.write(ctx, tx, happened{
			// Another Yanquan may tell the same system of a store of this number.
			kind: DayClosed, key: key, lasting: key + "/" + s.Platform + "/" + s.ShopID, subject: fmt.Sprintf("store/%d", s.ID), store: s.ID, day: name, at: tx.Now(),
			data: dayOf(s, name, d.Location.String(), f, refunds, unsettled),
		})
		return err
	})
}

// unsettled counts, by store, the operations whose outcome is not known, or that the
// platform keeps back.
func (d *Days) unsettled(ctx context.Context) (map[int64]int, error) {
	all := map[int64]int{}
	for _, look := range []func(context.Context) ([]models.Seen, error){d.DB.Alerts.Doubtful, d.DB.Alerts.Held} {
		seen, err := look(ctx)
		if err != nil {
			return nil, fmt.Errorf("hooks: doubts: %w", err)
		}
		for _, s := range seen {
			all[s.StoreID] += s.Times
		}
	}
	return all, nil
}
