package modelstest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"yanquan/models/modelstest"
)

func TestMisnamed(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string][]string{
		"SELECT COUNT(*) AS of, SUM(n) AS times FROM calls GROUP BY store_id":                                     {"of"},
		"SELECT COUNT(*) AS OF FROM calls":                                                                        {"OF"}, // MySQL 8.0.1, TiDB
		"SELECT `id`, COUNT(*) AS `of` FROM `calls` AS `rank` WHERE `rank`.`of` > 'AS of'":                        nil,
		"SELECT ?, next.seq FROM (SELECT MAX(seq) AS seq FROM outbox) AS next":                                    {"next"}, // Vitess
		"SELECT numbered.seq FROM (SELECT MAX(seq) AS seq FROM outbox) AS numbered":                               nil,
		"SELECT 1 FROM stores system JOIN chats ON chats.groups = system.id":                                      {"system", "groups"},
		"UPDATE hooks SET rows = 1, ROW.id = 2 WHERE manual > 0 AND library IS NULL":                              {"rows", "ROW", "manual", "library"}, // MySQL 8.4, 9.4
		"INSERT INTO calls (id, array) SELECT id, ilike FROM calls FOR UPDATE":                                    {"array", "ilike"},                   // TiDB
		"SELECT CAST(id AS CHAR), CAST(SUM(CAST(n AS UNSIGNED)) AS DECIMAL(5, 2)) AS float FROM o":                {"float"},
		"CREATE TABLE more AS SELECT * FROM operations ORDER BY id DESC LIMIT 3":                                  nil,
		"CREATE TABLE t (id INT NOT NULL COMMENT 'of a rank', -- of a rank\n key INT, PRIMARY KEY (id)) /* of */": {"key"},
		"SELECT @of, 'it''s of', \"of\" FROM t WHERE id = 'of":                                                    nil,
		"": nil,
	} {
		if diff := cmp.Diff(want, modelstest.Misnamed(statement)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", statement, diff)
		}
	}
}
