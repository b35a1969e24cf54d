package wecom

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"

	"github.com/silenceper/wechat/v2/util"
)

const (
	apiMember  = "user/get"                   // page 90196
	apiUserIDs = "batch/openuserid_to_userid" // page 101521
)

// maxOpenIDs is how many ids one call of apiUserIDs takes.
const maxOpenIDs = 1000

// Name asks WeCom for a member's name, as the first app. It is empty, with no
// error, where that app may not see the member, where there is no such member,
// and where there is no app.
func (s *Sender) Name(ctx context.Context, userID string) (string, error) {
	if s.first == nil || userID == "" {
		return "", nil
	}
	var member struct {
		Name string `json:"name"`
	}
	err := s.ask(ctx, s.first, apiMember, url.Values{"userid": {userID}}, nil, &member)
	if unseen(apiCode(err)) {
		return "", nil
	}
	return member.Name, err
}

// UserIDs asks WeCom, as the first app, for the userids behind the encrypted
// open_userids that a robot may be given. An id that WeCom takes for none of
// these is a userid already and stands for itself. Members whom the app may not
// see are left out, which is all of them where there is no app.
func (s *Sender) UserIDs(ctx context.Context, openIDs []string) (map[string]string, error) {
	found := make(map[string]string, len(openIDs))
	if s.first == nil {
		return found, nil
	}
	ids := slices.Compact(slices.Sorted(slices.Values(openIDs)))
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == "" })
	for part := range slices.Chunk(ids, maxOpenIDs) {
		var answer struct {
			Mapped []struct {
				OpenUserID string `json:"open_userid"`
				UserID     string `json:"userid"`
			} `json:"userid_list"`
			Plain []string `json:"invalid_open_userid_list"`
		}
		err := s.ask(ctx, s.first, apiUserIDs, nil, map[string][]string{"open_userid_list": part}, &answer)
		if err != nil && !unseen(apiCode(err)) {
			return nil, err
		}
		for _, m := range answer.Mapped {
			if m.UserID != "" {
				found[m.OpenUserID] = m.UserID
			}
		}
		for _, id := range answer.Plain {
			found[id] = id
		}
	}
	return found, nil
}

// ask makes one call, a GET where it has no body, and reads its answer into one.
func (s *Sender) ask(ctx context.Context, a *sendingApp, api string, query url.Values, body, into any) error {
	return a.withToken(ctx, func(token string) (err error) {
		var raw []byte
		if target := s.target(api, token, query); body == nil {
			raw, err = util.HTTPGetContext(ctx, target)
		} else {
			raw, err = util.PostJSONContext(ctx, target, body)
		}
		if err != nil {
			return callError(api, err, token, a.secret)
		}
		if err := readCode(api, raw, token, a.secret); err != nil {
			return err
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return callError(api, errBadAnswer)
		}
		return nil
	})
}

// unseen reports whether a code means that there is no such member, or none that
// the app may see (page 90313).
func unseen(code int64) bool {
	switch code {
	case 40003, 46004, 60111, // no such member, or not in the visible range
		50002, 60011, // not in the visible range
		48002, 48009: // no right to ask
		return true
	}
	return false
}
