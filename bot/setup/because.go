package setup

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"

	"github.com/go-sql-driver/mysql"

	"yanquan/dianping"
	"yanquan/douyin"
)

// told is an error that has words for people.
type told struct {
	*refusal
	error
}

// because says in the language of the dialogue why something could not be done.
func (w words) because(err error) string {
	if why, ok := errors.AsType[*told](err); ok {
		return w.text(why.why, why.args...)
	}
	if e, ok := errors.AsType[*dianping.Error](err); ok {
		return w.platformSaid(e, e.Code, e.Message, e.HTTPStatus, e.Err)
	}
	if e, ok := errors.AsType[*douyin.Error](err); ok {
		return w.platformSaid(e, e.Code, e.Message, e.HTTPStatus, e.Err)
	}
	reason := cause(err).Error()
	if key := known(err); key != "" {
		reason = w.text(key)
	}
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		return file.Path + ": " + reason
	}
	return reason
}

// platformSaid quotes a platform, or says why it has said nothing.
func (w words) platformSaid(whole error, code, message string, status int, err error) string {
	switch {
	case w["language"] == "en":
		return whole.Error()
	case message != "" || code != "":
		return w.text("why.said", cmp.Or(message, "-"), cmp.Or(code, "-"))
	case err != nil && known(err) != "":
		return w.text(known(err))
	case status != 0:
		return w.text("why.status", status)
	}
	return w.text("why.unreadable")
}

// cause is the innermost error: those around it name addresses, which may hold secrets.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// known is the key of the words for an error that people can do something about; "": it
// has none.
func known(err error) string {
	for key, is := range map[string]error{
		"why.in_use": syscall.EADDRINUSE, "why.no_address": syscall.EADDRNOTAVAIL, "why.refused": syscall.ECONNREFUSED, "why.closed": syscall.ECONNRESET,
		"why.no_route": syscall.EHOSTUNREACH, "why.no_network": syscall.ENETUNREACH, "why.read_only": syscall.EROFS, "why.full": syscall.ENOSPC, "why.no_folder": syscall.ENOTDIR,
		"why.is_folder": syscall.EISDIR,
	} {
		if errors.Is(err, is) {
			return key
		}
	}
	var name *net.DNSError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var certificate x509.CertificateInvalidError
	var database *mysql.MySQLError
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "why.denied"
	case errors.Is(err, fs.ErrNotExist):
		return "why.no_file"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "why.timeout"
	case errors.As(err, &name):
		return "why.no_host"
	case errors.As(err, &host), errors.As(err, &authority), errors.As(err, &certificate):
		return "why.certificate"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "why.closed"
	case errors.As(err, &database):
		return map[uint16]string{1044: "why.no_right", 1045: "why.no_login", 1049: "why.no_database", 1698: "why.no_login"}[database.Number]
	}
	return ""
}
