package dianpingtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"yanquan/internal/fakeserver"
)

// Control is an HTTP interface to everything the platform's methods offer, for
// tests in another process. It has no authentication: listen on a loopback
// address only, and apart from the platform itself. Bodies and answers are JSON
// with the field names of the types named here; what is wrong is told as
// {"error": "…"} with status 400. Durations are in nanoseconds.
//
//	POST   /shops              Shop
//	POST   /sessions           Session
//	POST   /sessions/expire    {"token"}
//	POST   /sessions/revoke    {"token"}
//	GET    /authorizations     [Authorization], with tokens and counters
//	POST   /authorizations     {"dialect", "business_id", "shops"} → Authorization
//	POST   /refresh-tokens/expire {"token"}
//	PUT    /registration       Registration
//	GET    /notices            [Notice]
//	POST   /notices/repeat     {"id"}
//	GET    /vouchers           [Voucher]; ?code=… only that one
//	POST   /vouchers           Voucher and "coupons" (default 1) → [Voucher]
//	POST   /state              {"code", "state"}
//	POST   /consume-elsewhere  {"code"} and Use: "account", "channel", "time", "shop", …
//	POST   /undo-elsewhere     {"code", "account"}
//	GET    /ledger             [Effect]
//	GET    /effects?code=…     Count
//	GET    /twice              [code]
//	GET    /requests           {"latest", "requests": [Request]}; ?since=VERSION only
//	                           what changed after it; &wait=20s waits for a change
//	GET    /faults             [Fault]
//	POST   /faults             Fault
//	DELETE /faults
//	POST   /pause              {"mode": "refuse" or "hang"}
//	POST   /resume
//	GET    /knobs              Knobs
//	PUT    /knobs              Knobs
func (p *Platform) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /shops", taking(p.AddShop))
	mux.HandleFunc("POST /sessions", taking(p.AddSession))
	mux.HandleFunc("POST /sessions/expire", taking(func(in tokenIn) error { return p.ExpireSession(in.Token) }))
	mux.HandleFunc("POST /sessions/revoke", taking(func(in tokenIn) error { return p.RevokeSession(in.Token) }))
	p.controlConsents(mux)
	mux.HandleFunc("GET /vouchers", p.controlVouchers)
	mux.HandleFunc("POST /vouchers", p.controlSell)
	mux.HandleFunc("POST /state", taking(func(in struct {
		Code  string `json:"code"`
		State State  `json:"state"`
	},
	) error {
		return p.SetState(in.Code, in.State)
	}))
	mux.HandleFunc("POST /consume-elsewhere", taking(func(in struct {
		Code string `json:"code"`
		Use
	},
	) error {
		return p.UseElsewhere(in.Code, in.Use)
	}))
	mux.HandleFunc("POST /undo-elsewhere", taking(func(in struct {
		Code    string `json:"code"`
		Account string `json:"account"`
	},
	) error {
		return p.UndoElsewhere(in.Code, in.Account)
	}))
	mux.HandleFunc("GET /ledger", giving(func(*http.Request) any { return nonNil(p.Ledger()) }))
	mux.HandleFunc("GET /effects", giving(func(r *http.Request) any { return p.Effects(r.FormValue("code")) }))
	mux.HandleFunc("GET /twice", giving(func(*http.Request) any { return p.TwiceConsumed() }))
	mux.HandleFunc("GET /requests", p.controlRequests)
	mux.HandleFunc("GET /faults", giving(func(*http.Request) any { return p.Faults() }))
	mux.HandleFunc("POST /faults", taking(p.Fail))
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) {
		p.ClearFaults()
		reply(w, http.StatusOK, struct{}{})
	})
	mux.HandleFunc("POST /pause", taking(func(in struct {
		Mode PauseMode `json:"mode"`
	},
	) error {
		return p.Pause(in.Mode)
	}))
	mux.HandleFunc("POST /resume", func(w http.ResponseWriter, _ *http.Request) {
		p.Resume()
		reply(w, http.StatusOK, struct{}{})
	})
	mux.HandleFunc("GET /knobs", giving(func(*http.Request) any { return p.Knobs() }))
	mux.HandleFunc("PUT /knobs", taking(p.SetKnobs))
	return mux
}

// controlConsents adds what is about authorisations.
func (p *Platform) controlConsents(mux *http.ServeMux) {
	mux.HandleFunc("GET /authorizations", giving(func(*http.Request) any { return p.Authorizations() }))
	mux.HandleFunc("POST /authorizations", func(w http.ResponseWriter, r *http.Request) {
		var in Authorization
		err := readJSON(w, r, &in)
		if err == nil {
			in, err = p.Authorize(in)
		}
		if err != nil {
			replyError(w, err)
			return
		}
		reply(w, http.StatusCreated, in)
	})
	mux.HandleFunc("POST /refresh-tokens/expire", taking(func(in tokenIn) error { return p.ExpireRefreshToken(in.Token) }))
	mux.HandleFunc("PUT /registration", taking(func(in Registration) error {
		p.SetRegistration(in)
		return nil
	}))
	mux.HandleFunc("GET /notices", giving(func(*http.Request) any { return p.Notices() }))
	mux.HandleFunc("POST /notices/repeat", taking(func(in struct {
		ID string `json:"id"`
	},
	) error {
		return p.RepeatNotice(in.ID)
	}))
}

type tokenIn struct {
	Token string `json:"token"`
}

// sellIn is a voucher and how many of it.
type sellIn struct {
	Voucher
	Coupons int `json:"coupons"`
}

func (p *Platform) controlSell(w http.ResponseWriter, r *http.Request) {
	in := sellIn{Coupons: 1}
	made, err := []Voucher(nil), readJSON(w, r, &in)
	if err == nil {
		made, err = p.AddOrder(in.Voucher, in.Coupons)
	}
	if err != nil {
		replyError(w, err)
		return
	}
	reply(w, http.StatusCreated, made)
}

func (p *Platform) controlVouchers(w http.ResponseWriter, r *http.Request) {
	code := r.FormValue("code")
	if code == "" {
		reply(w, http.StatusOK, p.Vouchers())
		return
	}
	found := []Voucher{}
	if v, ok := p.Voucher(code); ok {
		found = append(found, v)
	}
	reply(w, http.StatusOK, found)
}

func (p *Platform) controlRequests(w http.ResponseWriter, r *http.Request) {
	var since uint64
	var wait time.Duration
	var errSince, errWait error
	if text := r.FormValue("since"); text != "" {
		since, errSince = strconv.ParseUint(text, 10, 64)
	}
	if text := r.FormValue("wait"); text != "" {
		wait, errWait = time.ParseDuration(text)
	}
	if err := errors.Join(errSince, errWait); err != nil {
		replyError(w, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), min(wait, time.Minute))
	defer cancel()
	for {
		changed, latest, more := p.Since(since)
		if len(changed) == 0 {
			select {
			case <-more:
				continue
			case <-ctx.Done():
			case <-p.core.Done():
			}
		}
		reply(w, http.StatusOK, map[string]any{"latest": latest, "requests": changed})
		return
	}
}

// taking makes a handler that reads a T and does something with it.
func taking[T any](do func(T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in T
		err := readJSON(w, r, &in)
		if err == nil {
			err = do(in)
		}
		if err != nil {
			replyError(w, err)
			return
		}
		reply(w, http.StatusOK, struct{}{})
	}
}

// giving makes a handler that answers with a value.
func giving(value func(*http.Request) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { reply(w, http.StatusOK, value(r)) }
}

func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, fakeserver.MaxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("dianpingtest: body: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("dianpingtest: more than one JSON value")
	}
	return nil
}

func reply(w http.ResponseWriter, status int, value any) {
	out := jsonOutcome(value)
	if out.Status == http.StatusOK {
		out.Status = status
	}
	out.Send(w)
}

func replyError(w http.ResponseWriter, err error) {
	reply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
}

func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
