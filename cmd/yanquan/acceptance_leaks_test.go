package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"yanquan/models"
)

// nothingLeaks looks for tokens, secrets, ways to answer in somebody's name and
// full phones in all that the program shows or keeps: its logs, its metrics, what
// explain and audit print, and every value in its database.
func (w *world) nothingLeaks(code string) {
	w.Helper()
	hidden := map[string]string{"phone": phone, "way to answer": "response_code="}
	for name, value := range secrets {
		if name != "DIANPING_APP_KEY" && name != "MEITUAN_DEVELOPER_ID" { // public by themselves
			hidden[name] = value
		}
	}
	app, _ := w.wecom.App("main")
	robot, _ := w.wecom.Robot("group")
	hidden["app's secret"], hidden["app's token"], hidden["app's key"] = app.Secret, app.Token, app.EncodingAESKey
	hidden["robot's token"], hidden["robot's key"] = robot.Token, robot.EncodingAESKey
	for i, a := range w.platform.Authorizations() {
		hidden[fmt.Sprint("access token ", i)], hidden[fmt.Sprint("refresh token ", i)] = a.Token, a.RefreshToken
	}
	delete(hidden, "") // a platform that gives none

	shown := map[string]string{"database": w.dump()}
	for i, p := range w.logs {
		shown[fmt.Sprint("log ", i+1)] = p.stderr.String()
	}
	_, shown["metrics"] = get(w.T, w.url()+"/metrics")
	for _, command := range [][]string{{"explain", code}, {"audit"}} {
		status, said := w.command(command...)
		if status != 0 {
			w.Errorf("%s: status %d: %s", command[0], status, said)
		}
		shown[command[0]] = said
	}
	for where, what := range map[string]string{ // the places are the right ones
		"database": "stores.name=" + storeC, "metrics": "yanquan_platform_call", "explain": "核销成功", "audit": "  authorize  ",
	} {
		if !strings.Contains(shown[where], what) {
			w.Fatalf("%s lacks %q:\n%s", where, what, tailOf(shown[where], 2000))
		}
	}
	for where, text := range shown {
		text = strings.ToLower(text)
		for name, value := range hidden {
			if value == "" {
				continue
			}
			for _, form := range []string{value, hex.EncodeToString([]byte(value)), base64.StdEncoding.EncodeToString([]byte(value))} {
				if strings.Contains(text, strings.ToLower(form)) {
					w.Errorf("%s shows the %s", where, name)
				}
			}
		}
	}
}

// dump is every value of every table.
func (w *world) dump() string {
	w.Helper()
	db := w.database()
	query := "SELECT name FROM sqlite_master WHERE type = 'table'"
	if w.driver == models.MySQL {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
	}
	tables, err := db.Query(query)
	w.must(err)
	defer tables.Close()
	var names []string
	for tables.Next() {
		var name string
		w.must(tables.Scan(&name))
		names = append(names, name)
	}
	w.must(tables.Err())
	var all strings.Builder
	for _, table := range names {
		rows, err := db.Query("SELECT * FROM " + table)
		w.must(err)
		columns, err := rows.Columns()
		w.must(err)
		values, into := make([][]byte, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		for rows.Next() {
			w.must(rows.Scan(into...))
			for i, v := range values {
				fmt.Fprintf(&all, "%s.%s=%s\n", table, columns[i], v)
			}
		}
		w.must(rows.Err())
		rows.Close()
	}
	return all.String()
}
