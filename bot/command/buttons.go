package command

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"yanquan/models"
)

// Keys of buttons: a word and what it is about. They come back from the
// network, so whatever they say is checked again when they do.
const (
	KeyVerify = "verify " // verify <store> <code> <count>
	KeyUndo   = "undo "   // undo <operation>
	KeyShow   = "show "   // show <operation>
	KeyClose  = "close "  // close <operation> used|unused
	KeyStore  = "store "  // store <store> <text>
	KeyMore   = "stores " // stores <from> <text>
	KeyOlder  = "older "  // older <how many> <time in µs> <operation>
)

var ErrOldKey = errors.New("bot: a button we do not know")

// VerifyKey makes the key of a confirm button. again names the operation on the
// same code that the person has seen, or is empty.
func VerifyKey(store int64, it Item, again string) string {
	return strings.TrimSpace(fmt.Sprintf("%s%d %s %d %s", KeyVerify, store, it.Code, it.Count, again))
}

// ParseVerifyKey reads what verifyKey made, trusting nothing.
func ParseVerifyKey(rest string) (store int64, it Item, again string, err error) {
	parts := strings.Split(rest, " ")
	if len(parts) == 4 {
		again, parts = parts[3], parts[:3]
	}
	if len(parts) != 3 {
		return 0, Item{}, "", ErrOldKey
	}
	store, err = strconv.ParseInt(parts[0], 10, 64)
	cmd := Parse("验 " + parts[1] + " x" + parts[2])
	if err != nil || len(cmd.Items) != 1 {
		return 0, Item{}, "", ErrOldKey
	}
	return store, cmd.Items[0], again, nil
}

// Keys of the buttons that set up stores and people.
const (
	KeyAuthorize = "authorize " // authorize <platform>
	KeyBind      = "bind "      // bind <store>
	KeyUnbind    = "unbind "    // unbind <store>
	KeyUse       = "use "       // use <store>
	KeyJoin      = "join "      // join <store> <name>
	KeyApprove   = "approve "   // approve <join>
	KeyRefuse    = "refuse "    // refuse <join>
	KeyPeople    = "people "    // people <store> <from>
	KeyPerson    = "person "    // person <store> <user>
	KeyRole      = "role "      // role <store> <role> <user>
	KeyRemove    = "remove "    // remove <store> <user>
)

// OlderKey makes the key of a button that shows the next page of a list.
func OlderKey(n int, after models.HistoryMark) string {
	return fmt.Sprintf("%s%d %d %s", KeyOlder, n, after.At.UnixMicro(), after.ID)
}

// ParseOlderKey reads what olderKey made, trusting nothing.
func ParseOlderKey(rest string) (n int, after models.HistoryMark, err error) {
	var at int64
	if _, err = fmt.Sscanf(rest, "%d %d %s", &n, &at, &after.ID); err != nil || n < 1 || n > MaxRecent {
		return 0, models.HistoryMark{}, ErrOldKey
	}
	after.At = time.UnixMicro(at).UTC()
	return n, after, nil
}

// CloseKey makes the key of a button by which a manager ends a doubt.
func CloseKey(operation string, consumed bool) string {
	word := "unused"
	if consumed {
		word = "used"
	}
	return KeyClose + operation + " " + word
}

// ParseCloseKey reads what [CloseKey] made, trusting nothing.
func ParseCloseKey(rest string) (operation string, consumed bool, err error) {
	operation, word, _ := strings.Cut(rest, " ")
	if word != "used" && word != "unused" {
		return "", false, ErrOldKey
	}
	return operation, word == "used", nil
}
