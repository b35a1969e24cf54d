package wecom

import (
	"errors"
	"strings"
	"testing"

	"yanquan/bot/command"
)

// The menu is within what page 90231 allows, and each entry types what the bot
// understands.
func TestMenuIsAllowed(t *testing.T) {
	t.Parallel()
	if len(Menu) > 3 {
		t.Errorf("%d entries", len(Menu))
	}
	check := func(e MenuEntry, most int) {
		if len(e.Name) > most || e.Name == "" || len(e.Key) > 128 || (e.Key == "") != (len(e.Sub) > 0) {
			t.Errorf("entry %+v", e)
		}
		if e.Type == "click" && command.Parse(e.Key).Verb == command.VerbNone {
			t.Errorf("%s types %q, which means nothing", e.Name, e.Key)
		}
	}
	for _, e := range Menu {
		check(e, 16)
		if len(e.Sub) > 5 {
			t.Errorf("%s: %d entries", e.Name, len(e.Sub))
		}
		for _, s := range e.Sub {
			check(s, 40)
		}
	}
}

func TestCreateMenu(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t)
	s := testSender(t, api)
	api.then(apiMenu, code(42001), code(0)) // the first token has expired
	if err := s.CreateMenu(t.Context(), "main", Menu); err != nil {
		t.Fatal(err)
	}
	got := api.requests()
	if len(got) != 2 || !strings.Contains(got[1].Query, "agentid=1000002") || !strings.Contains(got[1].Query, "access_token=access-token-2") {
		t.Errorf("called %+v", got)
	}
	if buttons, _ := got[1].Body["button"].([]any); len(buttons) != len(Menu) {
		t.Errorf("sent %v", got[1].Body)
	}

	for errcode, want := range map[int]string{
		60020: "add 203.0.113.7 in the console", 40056: "agent_id and secret", 301002: "agent_id and secret", 45009: "wait a minute", 40054: "page 90313",
	} {
		api.then(apiMenu, code(errcode))
		err := s.CreateMenu(t.Context(), "main", Menu)
		if err == nil || !strings.Contains(Advice(err), want) || strings.Contains(err.Error(), "access-token") {
			t.Errorf("%d: %v: %s", errcode, err, Advice(err))
		}
	}
	api.then("gettoken", code(40001))
	api.then("gettoken", code(40001))
	fresh := testSender(t, api)
	if err := fresh.CreateMenu(t.Context(), "main", Menu); err == nil || !strings.Contains(Advice(err), "Secret of this app") {
		t.Errorf("bad secret: %v", err)
	}
	if err := s.CreateMenu(t.Context(), "other", Menu); err == nil || !strings.Contains(err.Error(), `"other"`) {
		t.Errorf("unknown app: %v", err)
	}
	if got := Advice(errors.New("dial tcp: no route to host")); !strings.Contains(got, "wecom.api_url") {
		t.Errorf("no connection: %s", got)
	}
}
