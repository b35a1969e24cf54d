package dianping

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Why a notice or a callback is not taken.
var (
	ErrNotAuthentic = errors.New("dianping: not signed by the platform")
	ErrMalformed    = errors.New("dianping: cannot be read")
)

// NoticeTaken is what a notice is answered with once it is durable.
const NoticeTaken = `{"code":0,"message":"success","data":null}`

// noticeUnbound is the msgType of a merchant who withdrew the authorisation.
const noticeUnbound = "510001"

// Notice is a message that the platform posted to us. A client that saw one can
// post it again: take each ID once, and an unbinding only where Sent is not
// before the grant that it would end.
type Notice struct {
	ID         string  // msgId; where that is missing, the signature, which is the same in a repeat
	Type       string  // msgType, e.g. 510001
	Purpose    Purpose // empty: of a business that is not ours, to be taken and left alone
	ShopID     string  // whose grant it is about, as in [Grant]
	CustomerID string
	Sent       time.Time
}

// Unbound reports whether the merchant withdrew a grant of ours.
func (n Notice) Unbound() bool { return n.Type == noticeUnbound && n.Purpose != "" }

func (c *client) ReadNotice(form url.Values) (Notice, error) {
	fields := make(map[string]string, len(form))
	for name, values := range form {
		if len(values) != 1 {
			return Notice{}, fmt.Errorf("%w: a field is not there once", ErrNotAuthentic)
		}
		fields[name] = values[0]
	}
	return c.dialect.notice(fields)
}

// https://developer.meituan.com/docs/biz/comm-dev-isv-sign-rule: messages are
// signed as requests are.
func (d meituanDialect) notice(fields map[string]string) (Notice, error) {
	given, want := strings.ToLower(fields["sign"]), SignSHA1(d.signKey, fields)
	if subtle.ConstantTimeCompare([]byte(given), []byte(want)) != 1 || fields["developerId"] != d.developerID {
		return Notice{}, ErrNotAuthentic
	}
	n := Notice{ID: fields["msgId"], Type: fields["msgType"], Sent: moment(fields["timestamp"])}
	if n.ID == "" {
		n.ID = given
	}
	if n.Type == "" || n.Sent.IsZero() {
		return Notice{}, fmt.Errorf("%w: msgType or timestamp", ErrMalformed)
	}
	owner := Grant{Purpose: d.purposeOf(fields["businessId"])}
	if owner.Purpose == "" {
		return n, nil
	}
	owner.belongsTo(bizCodeOf(fields))
	n.Purpose, n.ShopID, n.CustomerID = owner.Purpose, owner.ShopID, owner.CustomerID
	if n.Unbound() && n.ShopID == "" && n.CustomerID == "" {
		return Notice{}, fmt.Errorf("%w: opBizCode", ErrMalformed)
	}
	return n, nil
}

// bizCodeOf finds opBizCode in the form or, where it is not, in the message.
func bizCodeOf(fields map[string]string) string {
	if id := strings.TrimSpace(fields["opBizCode"]); id != "" {
		return id
	}
	o, _ := single(fields["message"])
	return o.text("opbizcode")
}
