package main

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/go-sql-driver/mysql"

	"yanquan/models/modelstest"
)

// mariadb is the server that both sides of every ratio use.
type mariadb struct {
	server  *modelstest.Durable
	config  *mysql.Config
	admin   *sql.DB
	version string
}

func startMariaDB(ctx context.Context) (*mariadb, error) {
	server, err := modelstest.StartDurable()
	if err != nil {
		return nil, err
	}
	m := &mariadb{server: server, config: server.Config()}
	m.config.InterpolateParams = true // one round trip for a statement, for everybody
	if m.admin, err = sql.Open("mysql", m.config.FormatDSN()); err == nil {
		err = m.admin.QueryRowContext(ctx, "SELECT VERSION()").Scan(&m.version)
	}
	if err != nil {
		server.Close()
		return nil, err
	}
	return m, nil
}

func (m *mariadb) stop() {
	m.admin.Close()
	m.server.Close()
}

// database makes an empty database and gives its DSN.
func (m *mariadb) database(ctx context.Context, name string) (string, error) {
	if _, err := m.admin.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("create database: %w", err)
	}
	own := m.config.Clone()
	own.DBName = name
	return own.FormatDSN(), nil
}
