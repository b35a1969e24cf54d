package doctor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	_ "github.com/go-sql-driver/mysql" // to look at the schema's character set

	"yanquan/dianping"
	"yanquan/internal/app"
	"yanquan/internal/config"
	"yanquan/internal/owner"
	"yanquan/models"
)

// store is one whose access to the platform is to be tried.
type store struct {
	name, platform string
	shop           dianping.Shop
	accountID      string        // douyin: of 来客
	grant          *models.Grant // the merchant's consent; nil: declared with its token
}

const databaseTimeout = 10 * time.Second

// databaseCheck is about the database, and about what is in it.
type databaseCheck struct{ *checker }

// run also gives the stores: those it knows, as their tokens may be newer,
// or else those of the configuration.
func (c databaseCheck) run(ctx context.Context) []store {
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	shown := config.RedactDSN(c.cfg.Database.DSN)
	if c.cfg.Database.Driver == models.SQLite {
		path, err := models.SQLitePath(c.cfg.Database.DSN)
		if err != nil { // the configuration was checked
			c.bad("correct database.dsn", "database: %s: %v", shown, err)
			return c.declared()
		}
		shown = path
		if !c.file(path) {
			return c.declared()
		}
	}
	db, err := app.OpenDB(ctx, c.cfg, nil, c.now)
	switch {
	case errors.Is(err, models.ErrWrongKey):
		c.bad("give back the secret_key that this database was written with", "database: %s: %v", shown, err)
		return c.declared()
	case errors.Is(err, fs.ErrPermission):
		c.bad("run doctor as the user that serve is, and see that the file and its -wal and -shm are that user's", "database: %s: %v", shown, err)
		return c.declared()
	case err != nil:
		c.bad("start the database, or correct database.driver and database.dsn; user and password count too", "database: %s: %v", shown, err)
		return c.declared()
	}
	defer db.Close()
	if err := db.Ping(ctx); err != nil {
		c.bad("it must take changes: check that it is not read-only or full, and that the user may write", "database: %s: %v", shown, err)
		return c.declared()
	}
	c.good("database: %s answers and takes changes", shown)
	c.server(ctx)
	c.clock(ctx, db)
	if !c.migrations(ctx, db) {
		return c.declared()
	}
	switch err := db.CheckFoundRows(ctx); {
	case errors.Is(err, models.ErrChangedRows):
		c.bad("turn on mysql-client_found_rows in ProxySQL, or what does the same", "database: something between us and the server counts changed rows only; every change would look lost")
		return c.declared()
	case err != nil:
		c.bad("see the message", "database: %v", err)
		return c.declared()
	}
	people := peopleCheck(c)
	people.looseEnds(ctx, db)
	socketCheck(c).holders(ctx, db)
	people.names(ctx, db)
	hookCheck(c).run(ctx, db)
	known, err := c.known(ctx, db)
	if err != nil {
		c.bad("see the message", "database: stores cannot be read: %v", err)
		return c.declared()
	}
	return known
}

// file looks at which file it is, and reports whether it is there.
func (c databaseCheck) file(path string) bool {
	astray := app.Astray(c.cfg, c.path)
	_, err := os.Stat(path)
	missing := errors.Is(err, os.ErrNotExist)
	const advice = "write the whole path of the file that serve works with"
	switch {
	case missing && astray && c.first:
		c.warn(advice, "database: %s does not exist; database.dsn is relative, and starts at the working directory", path)
	case missing && astray:
		c.bad(advice, "database: %s does not exist; database.dsn is relative, and starts at the working directory", path)
	case missing:
		c.newFile(path, path)
	case astray:
		c.warn(advice, "database: database.dsn is relative: from another folder, a command or serve works with another file")
	}
	for _, of := range []string{"", "-wal", "-shm"} {
		if owner.OfRoot(path + of) {
			c.warn("chown --reference="+filepath.Dir(path)+" "+path+of, "database: %s is root's, and its folder another user's: serve cannot open it as that user", path+of)
		}
	}
	return !missing
}

// newFile is about a SQLite file that serve will create.
func (c databaseCheck) newFile(path, shown string) {
	dir := filepath.Dir(path)
	probe, err := os.CreateTemp(dir, ".yanquan-doctor-*")
	if err != nil {
		c.bad("create the folder "+dir+" and let this user write there, or correct database.dsn", "database: %s cannot be created", shown)
		return
	}
	probe.Close()
	os.Remove(probe.Name())
	c.good("database: %s does not exist yet; serve creates it", shown)
}

// server looks at what a MySQL-protocol server is set to. Its own character set and
// time zone do not matter: migrations make tables in utf8mb4, and connections say
// what they speak.
func (c databaseCheck) server(ctx context.Context) {
	if c.cfg.Database.Driver != models.MySQL {
		return
	}
	db, err := sql.Open("mysql", c.cfg.Database.DSN)
	if err != nil {
		c.bad("correct database.dsn", "database: settings cannot be read")
		return
	}
	defer db.Close()
	var version, charset, zone string
	var wrong sql.NullString
	err = db.QueryRowContext(ctx, `SELECT VERSION(), @@character_set_database, @@global.time_zone, (SELECT MIN(table_name) FROM information_schema.tables
		WHERE table_schema = DATABASE() AND table_name IN ('stores', 'members', 'operations') AND table_collation NOT LIKE 'utf8mb4%')`).Scan(&version, &charset, &zone, &wrong)
	switch {
	case err != nil:
		c.bad("see the message", "database: settings cannot be read: %v", err)
	case wrong.Valid:
		c.bad("ALTER TABLE "+wrong.String+" CONVERT TO CHARACTER SET utf8mb4", "database: table %s is not in utf8mb4", wrong.String)
	default:
		c.good("database: version %s, texts in utf8mb4 (its default is %s), times in UTC (its zone is %s)", version, charset, zone)
	}
	c.connections(ctx, db)
}

// connections looks at how many the account and the server admit.
func (c databaseCheck) connections(ctx context.Context, db *sql.DB) {
	var account, server int64
	if err := db.QueryRowContext(ctx, "SELECT @@max_user_connections, @@max_connections").Scan(&account, &server); err != nil {
		c.warn("see that they are enough", "database: it does not tell how many connections it admits")
		return
	}
	process := c.cfg.Database.Connections
	const advice = "or set database.connections to that number divided by the number of processes, less one for doctor; with few, the bot is slower"
	switch {
	case account > 0 && account <= process:
		c.warn("raise the account's MAX_USER_CONNECTIONS, "+advice, "database: the account admits %d connections, and each process takes up to %d", account, process)
	case server > 0 && server <= process:
		c.warn("raise max_connections, "+advice, "database: it admits %d connections, and each process takes up to %d", server, process)
	case account > 0:
		c.good("database: the account admits %d connections, and each process takes up to %d", account, process)
	default:
		c.good("database: it admits %d connections, and each process takes up to %d", server, process)
	}
}

// clock compares our clock with the server's, by which all replicas go.
func (c databaseCheck) clock(ctx context.Context, db *models.DB) {
	if db.Driver() != models.MySQL {
		return
	}
	behind, err := db.FollowServer(ctx)
	switch {
	case err != nil:
		c.bad("see the message", "clock: the database does not tell the time: %v", err)
	case behind > 2*time.Second:
		c.bad("turn on time synchronisation (NTP) on both machines", "clock: %s behind the database server", behind.Round(time.Second))
	case behind < -2*time.Second:
		c.bad("turn on time synchronisation (NTP) on both machines", "clock: %s ahead of the database server", -behind.Round(time.Second))
	default:
		c.good("clock: agrees with the database server")
	}
}

func (c databaseCheck) migrations(ctx context.Context, db *models.DB) bool {
	list, err := db.MigrationStatus(ctx)
	if err != nil {
		c.bad("see the message", "migrations: %v", err)
		return false
	}
	pending := 0
	for _, m := range list {
		switch {
		case m.Unknown:
			c.bad("run the newer program again, or restore the backup made before the upgrade", "migrations: %s was made by a newer program", m.Name)
			return false
		case m.Interrupted:
			c.bad("run: yanquan migrate up", "migrations: %s was interrupted", m.Name)
			return false
		case m.AppliedAt.IsZero():
			pending++
		}
	}
	if pending > 0 {
		c.good("migrations: %d of %d pending; serve applies them, or run: yanquan migrate up", pending, len(list))
		return false
	}
	c.good("migrations: up to date (%d)", len(list))
	return true
}

func (c databaseCheck) declared() []store {
	var list []store
	for _, s := range c.cfg.Stores {
		for _, a := range s.All() {
			list = append(list, store{name: named(s.Name, a.Platform, len(s.All())), platform: a.Platform, shop: dianping.Shop{ID: a.ShopID, Session: a.Session}, accountID: a.AccountID})
		}
	}
	return list
}

// accountsOf are the accounts in use of stores, with the names that lines have.
func accountsOf(stores []models.Store) (all []models.Account) {
	for _, s := range stores {
		for _, a := range s.Accounts() {
			a.Name = named(s.Name, a.Platform, len(s.Accounts()))
			all = append(all, a)
		}
	}
	return all
}

// named is what an account is called, of so many of its store.
func named(store, platform string, accounts int) string {
	if accounts > 1 {
		return store + " at " + platform
	}
	return store
}

// known merges the stores of the database with declared ones that serve has not
// taken in yet.
func (c databaseCheck) known(ctx context.Context, db *models.DB) ([]store, error) {
	rows, err := db.Directory.Stores(ctx)
	if err != nil {
		return nil, err
	}
	all, err := db.Grants.List(ctx)
	if err != nil {
		return nil, err
	}
	byID := map[string]*models.Grant{}
	for i := range all {
		byID[all[i].ID] = &all[i]
	}
	var list []store
	seen := map[string]bool{}
	for _, r := range accountsOf(rows) {
		s := store{name: r.Name, platform: r.Platform, shop: dianping.Shop{ID: r.ShopID}, accountID: r.AccountID}
		session, err := db.Grants.Session(ctx, r.ID)
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			return nil, fmt.Errorf("session of %s: %w", r.Name, err)
		}
		s.shop.Session, s.grant = session.AccessToken, byID[r.GrantID]
		list = append(list, s)
		seen[r.Platform+"/"+r.ShopID] = true
	}
	for _, s := range c.declared() {
		if !seen[s.platform+"/"+s.shop.ID] {
			list = append(list, s)
		}
	}
	return list, nil
}
