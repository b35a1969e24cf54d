package modelstest

import (
	"database/sql/driver"
	"slices"
	"strings"
	"sync"
	"testing"
)

// reservedWords are what no engine with the MySQL protocol that we may be run on takes as
// a name without quotes. MariaDB, on which the tests run, reserves fewer.
//
// mysql: the words marked (R) under Keywords and Reserved Words in the MySQL 8.0 and 8.4
// Reference Manuals, and what the server has reserved since: LIBRARY and EXTERNAL in 9.4,
// SETS in 9.6 (bugs.mysql.com 118844 and 119904). tidb: those marked (R) and (R-Window) under
// Keywords in its documentation. vitess: reserved_keyword of go/vt/sqlparser/sql.y.
var reservedWords = func() map[string]bool {
	const (
		mysql = `ACCESSIBLE ADD ALL ALTER ANALYZE AND AS ASC ASENSITIVE BEFORE BETWEEN BIGINT BINARY BLOB BOTH BY
			CALL CASCADE CASE CHANGE CHAR CHARACTER CHECK COLLATE COLUMN CONDITION CONSTRAINT CONTINUE CONVERT CREATE CROSS
			CUBE CUME_DIST CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER CURSOR DATABASE DATABASES DAY_HOUR
			DAY_MICROSECOND DAY_MINUTE DAY_SECOND DEC DECIMAL DECLARE DEFAULT DELAYED DELETE DENSE_RANK DESC DESCRIBE
			DETERMINISTIC DISTINCT DISTINCTROW DIV DOUBLE DROP DUAL EACH ELSE ELSEIF EMPTY ENCLOSED ESCAPED EXCEPT EXISTS
			EXIT EXPLAIN EXTERNAL FALSE FETCH FIRST_VALUE FLOAT FLOAT4 FLOAT8 FOR FORCE FOREIGN FROM FULLTEXT FUNCTION
			GENERATED GET GRANT GROUP GROUPING GROUPS HAVING HIGH_PRIORITY HOUR_MICROSECOND HOUR_MINUTE HOUR_SECOND IF
			IGNORE IN INDEX INFILE INNER INOUT INSENSITIVE INSERT INT INT1 INT2 INT3 INT4 INT8 INTEGER INTERSECT INTERVAL
			INTO IO_AFTER_GTIDS IO_BEFORE_GTIDS IS ITERATE JOIN JSON_TABLE KEY KEYS KILL LAG LAST_VALUE LATERAL LEAD
			LEADING LEAVE LEFT LIBRARY LIKE LIMIT LINEAR LINES LOAD LOCALTIME LOCALTIMESTAMP LOCK LONG LONGBLOB LONGTEXT
			LOOP LOW_PRIORITY MANUAL MASTER_BIND MASTER_SSL_VERIFY_SERVER_CERT MATCH MAXVALUE MEDIUMBLOB MEDIUMINT
			MEDIUMTEXT MIDDLEINT MINUTE_MICROSECOND MINUTE_SECOND MOD MODIFIES NATURAL NOT NO_WRITE_TO_BINLOG NTH_VALUE
			NTILE NULL NUMERIC OF ON OPTIMIZE OPTIMIZER_COSTS OPTION OPTIONALLY OR ORDER OUT OUTER OUTFILE OVER PARALLEL
			PARTITION PERCENT_RANK PRECISION PRIMARY PROCEDURE PURGE QUALIFY RANGE RANK READ READS READ_WRITE REAL
			RECURSIVE REFERENCES REGEXP RELEASE RENAME REPEAT REPLACE REQUIRE RESIGNAL RESTRICT RETURN REVOKE RIGHT RLIKE
			ROW ROWS ROW_NUMBER SCHEMA SCHEMAS SECOND_MICROSECOND SELECT SENSITIVE SEPARATOR SET SETS SHOW SIGNAL SMALLINT
			SPATIAL SPECIFIC SQL SQLEXCEPTION SQLSTATE SQLWARNING SQL_BIG_RESULT SQL_CALC_FOUND_ROWS SQL_SMALL_RESULT SSL
			STARTING STORED STRAIGHT_JOIN SYSTEM TABLE TABLESAMPLE TERMINATED THEN TINYBLOB TINYINT TINYTEXT TO TRAILING
			TRIGGER TRUE UNDO UNION UNIQUE UNLOCK UNSIGNED UPDATE USAGE USE USING UTC_DATE UTC_TIME UTC_TIMESTAMP VALUES
			VARBINARY VARCHAR VARCHARACTER VARYING VIRTUAL WHEN WHERE WHILE WINDOW WITH WRITE XOR YEAR_MONTH ZEROFILL
			_FILENAME`
		tidb   = `ARRAY CURRENT_ROLE ILIKE TIDB_CURRENT_TSO UNTIL`
		vitess = `CURTIME ESCAPE EXTRACT NEXT NOW OFF SUBSTR SUBSTRING SYSDATE`
	)
	all := map[string]bool{}
	for _, w := range strings.Fields(mysql + " " + tidb + " " + vitess) {
		all[w] = true
	}
	return all
}()

// Misnamed lists the reserved words that are names in a statement, without quotes: of a
// column, a table or what is called something for the statement's sake. Our keywords are
// in capitals, so that a word that is not is a name; and what comes behind AS, or stands at
// a dot, is one in any case.
func Misnamed(statement string) (bad []string) {
	tokens := tokensOf(statement)
	at := func(i int) string {
		if i < 0 || i >= len(tokens) {
			return ""
		}
		return tokens[i]
	}
	var casts []bool // of the brackets that are open
	for i, word := range tokens {
		switch upper := strings.ToUpper(word); {
		case word == "(":
			casts = append(casts, strings.EqualFold(at(i-1), "CAST"))
		case word == ")" && len(casts) > 0:
			casts = casts[:len(casts)-1]
		case !reservedWords[upper]:
		case slices.Contains(bad, word):
		case at(i-1) == "." || at(i+1) == "." || word != upper,
			at(i-1) == "AS" && upper != "SELECT" && upper != "WITH" && !(len(casts) > 0 && casts[len(casts)-1]):
			bad = append(bad, word)
		}
	}
	return bad
}

// tokensOf are the words and signs of a statement. What stands in quotes, or is no word,
// is a sign.
func tokensOf(s string) (all []string) {
	word := func(c byte) bool {
		return c == '_' || c == '$' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	}
	upTo := func(end string) {
		if i := strings.Index(s, end); i >= 0 {
			s = s[i+len(end):]
		} else {
			s = ""
		}
	}
	for s != "" {
		switch c := s[0]; {
		case strings.HasPrefix(s, "-- "):
			upTo("\n")
		case strings.HasPrefix(s, "/*"):
			upTo("*/")
		case c == '\'' || c == '"' || c == '`': // one that is doubled within is the next text
			s = s[1:]
			upTo(string(c))
			all = append(all, "'")
		case word(c) || c == '@':
			n := 1
			for n < len(s) && (word(s[n]) || s[n] == '@') {
				n++
			}
			all, s = append(all, s[:n]), s[n:]
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			s = s[1:]
		default:
			all, s = append(all, s[:1]), s[1:]
		}
	}
	return all
}

// spelled has a test fail that sends a statement to a server of the MySQL protocol which
// another one than the tests' would not take. It leaves benchmarks alone.
func spelled(tb testing.TB, then func(driver.Connector) driver.Connector) func(driver.Connector) driver.Connector {
	if _, ok := tb.(*testing.B); ok {
		return then
	}
	r := &Recorder{forgets: true}
	r.Before(func(s Statement) {
		if bad := misnamed(s.Text); len(bad) > 0 {
			tb.Errorf("%q has reserved words of MySQL, TiDB or Vitess as names: %s", s.Text, strings.Join(bad, ", "))
		}
	})
	return func(inner driver.Connector) driver.Connector {
		if inner = r.Connector(inner); then != nil {
			inner = then(inner)
		}
		return inner
	}
}

// misnamed is Misnamed, once for each statement of the process.
func misnamed(statement string) []string {
	if known, ok := judged.Load(statement); ok {
		return known.([]string)
	}
	bad := Misnamed(statement)
	judged.Store(statement, bad)
	return bad
}

var judged sync.Map
