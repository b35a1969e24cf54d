package models

import (
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Figures sum up what was verified at some accounts over a span, and what was
// refused.
type Figures struct {
	ByAccount map[int64]Tally  `json:"-"`
	ByPerson  map[string]Tally `json:"p,omitempty"` // by userid: two may have one name; see [Figures.People]
	Names     map[string]Name  `json:"n,omitempty"` // of those who have one, by userid
	ByDeal    map[string]Tally `json:"d,omitempty"` // by title
	ByHour    [24]int          `json:"h"`           // verified, by the hour of the day
	Refused   map[string]int   `json:"r,omitempty"` // by reason
	Refunds   []Refund         `json:"-"`           // counted on their own, and in no Tally; figures.Counter lists them
}

func newFigures() *Figures {
	return &Figures{ByAccount: map[int64]Tally{}, ByPerson: map[string]Tally{}, Names: map[string]Name{}, ByDeal: map[string]Tally{}, Refused: map[string]int{}}
}

// All is the sum of all accounts.
func (f *Figures) All() (all Tally) {
	for _, t := range f.ByAccount {
		all = all.Plus(t)
	}
	return all
}

// Busiest is the hour with most coupons, and how many.
func (f *Figures) Busiest() (hour, n int) {
	for h, count := range f.ByHour {
		if count > n {
			hour, n = h, count
		}
	}
	return hour, n
}

// add adds the figures of an account.
func (f *Figures) add(account int64, g *Figures) {
	for user, t := range g.ByPerson {
		f.ByPerson[user] = f.ByPerson[user].Plus(t)
		f.ByAccount[account] = f.ByAccount[account].Plus(t)
	}
	for user, n := range g.Names {
		f.called(user, n)
	}
	for title, t := range g.ByDeal {
		f.ByDeal[title] = f.ByDeal[title].Plus(t)
	}
	for hour, n := range g.ByHour {
		f.ByHour[hour] += n
	}
	for reason, n := range g.Refused {
		f.Refused[reason] += n
	}
}

// Span is what to sum up: from its first moment until before another. The hours of
// a day are those of the first moment's time zone.
type Span struct {
	From, To time.Time
	// Kind is "", or what it is a whole one of, or the beginning of one, such as
	// "month". Figures of those are kept; see [FiguresStore.Keep].
	Kind string
}

// key is what figures of the span and of its beginnings are kept under. Another time
// zone has other days, another form other keys.
func (s Span) key() string { return s.keyOf("/5 ") }

// formerKeys are those of forms before: in two of them no price, or one of 0, was taken for
// one that is not known, in three people of one name for one, and in all there were no
// coupons whose code was not told.
func (s Span) formerKeys() []string {
	return []string{s.keyOf(" "), s.keyOf("/2 "), s.keyOf("/3 "), s.keyOf("/4 ")}
}

func (s Span) keyOf(form string) string { return clip(s.Kind+form+s.From.Location().String(), 64) }

// periodFigures are the figures of an account since the beginning of a period, as they
// are kept.
type periodFigures struct {
	Period  string    `gorm:"primaryKey;size:64"`
	FromAt  time.Time `gorm:"primaryKey;serializer:utc"`
	StoreID int64     `gorm:"primaryKey;autoIncrement:false"` // its [Account]
	ToAt    time.Time `gorm:"serializer:utc"`
	Figures string
}

func (periodFigures) TableName() string { return "period_figures" }

// FiguresStore sums up what was verified and refused, and keeps the figures of periods that are over.
type FiguresStore struct{ *core }

// Sum sums up coupons by [Operation.ConsumedAt], and refusals by
// [Operation.CreatedAt].
func (s FiguresStore) Sum(ctx context.Context, accounts []int64, span Span) (*Figures, error) {
	var f *Figures
	err := s.read(ctx, "sum up", func(g *gorm.DB) error {
		f = newFigures()
		return sumUp(g, accounts, span, func(int64) *Figures { return f })
	})
	return f, err
}

// UndoneSince sums up what was verified at some accounts over a span and undone from a time
// on.
func (s FiguresStore) UndoneSince(ctx context.Context, accounts []int64, span Span, since time.Time) (sum Sum, err error) {
	for some := range slices.Chunk(accounts, accountsAtOnce) {
		var one Sum
		err := s.read(ctx, "sum up what was undone", func(g *gorm.DB) error {
			return g.Table("operations").
				Select("COUNT(*) AS count, COALESCE(SUM(coupons.price_fen), 0) AS fen, COALESCE(SUM(coupons.price_unknown), 0) AS unpriced").
				Joins("JOIN coupons ON coupons.operation_id = operations.id").
				Where("operations.store_id IN ? AND consumed_at >= ? AND consumed_at < ?", some, stamp(span.From), stamp(span.To)).
				Where("coupons.undone_at >= ?", stamp(since)).Scan(&one).Error
		})
		if err != nil {
			return Sum{}, err
		}
		sum = Sum{sum.Count + one.Count, sum.Fen + one.Fen, sum.Unpriced + one.Unpriced}
	}
	return sum, nil
}

// sumUp adds what is kept of each account, and counts the rest.
func sumUp(g *gorm.DB, accounts []int64, s Span, to func(account int64) *Figures) error {
	rest := map[time.Time][]int64{}
	for ids := range slices.Chunk(accounts, accountsAtOnce) {
		since, err := addKept(g, ids, s, to)
		if err != nil {
			return err
		}
		for _, id := range ids {
			from, ok := since[id]
			if !ok {
				from = moment(s.From)
			}
			rest[from] = append(rest[from], id)
		}
	}
	for from, ids := range rest {
		for ids := range slices.Chunk(ids, accountsAtOnce) {
			if err := count(g, ids, Span{From: from.In(s.From.Location()), To: s.To}, to); err != nil {
				return err
			}
		}
	}
	return nil
}

// addKept adds what is kept of a span, and says up to when it goes.
func addKept(g *gorm.DB, accounts []int64, s Span, to func(account int64) *Figures) (until map[int64]time.Time, err error) {
	if s.Kind == "" {
		return nil, nil
	}
	rows, err := g.Model(&periodFigures{}).Select("store_id, to_at, figures").
		Where("period = ? AND from_at = ? AND store_id IN ? AND to_at <= ?", s.key(), stamp(s.From), accounts, stamp(s.To)).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	until = map[int64]time.Time{}
	for rows.Next() {
		var account int64
		var end any
		var text sql.RawBytes
		if err := rows.Scan(&account, &end, &text); err != nil {
			return nil, err
		}
		if until[account], err = readTime("to_at", end); err != nil {
			return nil, err
		}
		kept := newFigures()
		if err := json.Unmarshal(text, kept); err != nil {
			return nil, err
		}
		to(account).add(account, kept)
	}
	return until, rows.Err()
}

// Keep stores the figures of accounts over a span that is a whole period or the
// beginning of one, so that [FiguresStore.Sum] of it, and of what begins with
// it, need not count them. The span must have ended [KeepAfter] ago. [ErrStale]
// means that something of these accounts was changed meanwhile; nothing is kept
// then.
func (s FiguresStore) Keep(ctx context.Context, accounts []int64, span Span) error {
	const what = "keep figures"
	if span.Kind == "" || !span.From.Before(span.To) || span.To.Add(KeepAfter).After(s.now()) {
		return failed(what, ErrInvalid)
	}
	before, err := s.version(ctx, accounts)
	if err != nil {
		return err
	}
	rows, err := s.countEach(ctx, accounts, span)
	if err != nil {
		return err
	}
	return s.inTx(ctx, func(tx *DB) error {
		// The versions only grow: their sum is the same only if each is. Those who
		// change something wait for the row of their account, or make this one wait.
		err := tx.write(ctx, what, func(g *gorm.DB) error {
			return g.Table("stores").Where("id IN ?", accounts).Update("figures_version", gorm.Expr("figures_version + 1")).Error
		})
		if err != nil {
			return err
		}
		now, err := tx.Figures.version(ctx, accounts)
		if err != nil {
			return err
		}
		if now != before+int64(len(accounts)) {
			return failed(what, ErrStale)
		}
		return tx.write(ctx, what, func(g *gorm.DB) error {
			return g.Clauses(clause.OnConflict{UpdateAll: true}).CreateInBatches(rows, batch).Error
		})
	})
}

// countEach sums up each account by itself, in the form that is kept.
func (s FiguresStore) countEach(ctx context.Context, accounts []int64, span Span) ([]periodFigures, error) {
	each := map[int64]*Figures{}
	err := s.read(ctx, "count figures", func(g *gorm.DB) error {
		for _, id := range accounts {
			each[id] = newFigures()
		}
		return sumUp(g, accounts, span, func(account int64) *Figures { return each[account] })
	})
	if err != nil {
		return nil, err
	}
	var rows []periodFigures
	for _, id := range slices.Sorted(maps.Keys(each)) {
		text, err := json.Marshal(each[id])
		if err != nil {
			return nil, err
		}
		rows = append(rows, periodFigures{span.key(), moment(span.From), id, moment(span.To), string(text)})
	}
	return rows, nil
}

// Missing lists those of the accounts whose figures of a span are not kept.
func (s FiguresStore) Missing(ctx context.Context, accounts []int64, span Span) ([]int64, error) {
	each, err := s.MissingEach(ctx, accounts, []Span{span})
	if err != nil {
		return nil, err
	}
	return each[0], nil
}

// MissingEach is Missing of several spans, by one statement.
func (s FiguresStore) MissingEach(ctx context.Context, accounts []int64, spans []Span) ([][]int64, error) {
	var kept []periodFigures
	err := s.read(ctx, "list figures that are kept", func(g *gorm.DB) error {
		kept = nil
		wanted := g.Session(&gorm.Session{NewDB: true})
		for _, span := range spans {
			wanted = wanted.Or("period = ? AND from_at = ? AND to_at = ?", span.key(), stamp(span.From), stamp(span.To))
		}
		return g.Select("period", "from_at", "to_at", "store_id").Where(wanted).Find(&kept).Error
	})
	if err != nil {
		return nil, err
	}
	missing := make([][]int64, len(spans))
	for i, span := range spans {
		has := make(map[int64]bool, len(accounts))
		for _, k := range kept {
			if k.Period == span.key() && k.FromAt.Equal(moment(span.From)) && k.ToAt.Equal(moment(span.To)) {
				has[k.StoreID] = true
			}
		}
		missing[i] = slices.DeleteFunc(slices.Clone(accounts), func(id int64) bool { return has[id] })
	}
	return missing, nil
}

// Purge forgets the figures of spans of the same kind that begin earlier, and
// what earlier versions of the program keep.
func (s FiguresStore) Purge(ctx context.Context, span Span) error {
	return s.write(ctx, "purge figures", func(g *gorm.DB) error {
		return g.Where("period = ? AND from_at < ? OR period IN ?", span.key(), stamp(span.From), span.formerKeys()).Delete(&periodFigures{}).Error
	})
}

func (s FiguresStore) version(ctx context.Context, accounts []int64) (sum int64, err error) {
	err = s.read(ctx, "read versions of figures", func(g *gorm.DB) error {
		return g.Table("stores").Select("COALESCE(SUM(figures_version), 0)").Where("id IN ?", accounts).Scan(&sum).Error
	})
	return sum, err
}

// KeepAfter is how long after its end a span's figures may be kept. What changes
// sooner than half of it after a verification, as nearly everything does, changes no
// figures that are kept, and costs nothing.
const KeepAfter = time.Hour

// mayBeKept reports whether figures that are kept may count an operation.
func mayBeKept(op Operation, now time.Time) bool {
	at := countedAt(op)
	return !at.IsZero() && now.Sub(at) > KeepAfter/2
}

// countedAt is the time by which figures count an operation.
func countedAt(op Operation) time.Time {
	if op.State == Rejected {
		return op.CreatedAt
	}
	return op.ConsumedAt
}

// forget forgets the figures that count an operation.
func (s FiguresStore) forget(ctx context.Context, op Operation) error {
	at := stamp(countedAt(op))
	return s.write(ctx, "forget figures", func(g *gorm.DB) error {
		changed := map[string]any{"figures_version": gorm.Expr("figures_version + 1"), "figures_changed_at": stamp(s.now())}
		if err := g.Table("stores").Where("id = ?", op.StoreID).Updates(changed).Error; err != nil {
			return err
		}
		return g.Where("store_id = ? AND from_at <= ? AND to_at > ?", op.StoreID, at, at).Delete(&periodFigures{}).Error
	})
}

// ChangedSince lists those of the accounts of which something was changed, since a time, that
// figures counted more than half of [KeepAfter] before.
func (s FiguresStore) ChangedSince(ctx context.Context, accounts []int64, since time.Time) (changed []int64, err error) {
	for some := range slices.Chunk(accounts, accountsAtOnce) {
		var ids []int64
		err := s.read(ctx, "list changed figures", func(g *gorm.DB) error {
			return g.Table("stores").Where("id IN ? AND figures_changed_at >= ?", some, stamp(since)).Order("id").Pluck("id", &ids).Error
		})
		if err != nil {
			return nil, err
		}
		changed = append(changed, ids...)
	}
	return changed, nil
}

// Tallies sums up the coupons consumed from a time until before another, by
// [Operation.ConsumedAt], for each of the accounts that has any; user "" is
// everybody.
func (s FiguresStore) Tallies(ctx context.Context, accounts []int64, user string, from, to time.Time) (map[int64]Tally, error) {
	var rows []struct {
		StoreID int64
		Undone  bool
		Sum     `gorm:"embedded"`
	}
	err := s.read(ctx, "sum up", func(g *gorm.DB) error {
		g = g.Table("operations").
			Select("operations.store_id, coupons.undone_at IS NOT NULL AS undone, COUNT(*) AS count, SUM(coupons.price_fen) AS fen,"+
				" SUM(CASE WHEN coupons.price_unknown THEN 1 ELSE 0 END) AS unpriced").
			Joins("JOIN coupons ON coupons.operation_id = operations.id").
			Where("operations.store_id IN ? AND operations.consumed_at >= ? AND operations.consumed_at < ?", accounts, stamp(from), stamp(to))
		if user != "" {
			g = g.Where("operations.user_id = ?", fold(user))
		}
		return g.Group("operations.store_id, coupons.undone_at IS NOT NULL").Scan(&rows).Error
	})
	sums := map[int64]Tally{}
	for _, r := range rows {
		t := Tally{Verified: r.Sum}
		if r.Undone {
			t = Tally{Undone: r.Sum}
		}
		sums[r.StoreID] = sums[r.StoreID].Plus(t)
	}
	return sums, err
}
