package wecomtest

// maxOpenUserIDs is the longest list that batch/openuserid_to_userid takes.
const maxOpenUserIDs = 1000

// getUser tells the name of a member in the visible range (page 90196).
func (w httpAPI) getUser(c *apiCall) (object, *apiError) {
	if c.bot.app.NoContacts {
		return nil, refusef(48002, "api forbidden")
	}
	id := c.r.URL.Query().Get("userid")
	u, ok := w.users[fold(id)]
	if id == "" || !ok || !c.bot.usableBy(id) {
		return nil, refusef(60111, "userid not found")
	}
	return object{"userid": u.ID, "name": u.Name, "department": []int{1}, "status": 1}, nil
}

// getUserIDs tells who is behind encrypted ids, of members in the visible range
// (page 101521). What is no encrypted id comes back as it is.
func (w httpAPI) getUserIDs(c *apiCall) (object, *apiError) {
	if c.bot.app.NoContacts {
		return nil, refusef(48002, "api forbidden")
	}
	r := &reader{}
	asked, _ := r.strings(c.body, "open_userid_list")
	switch {
	case r.err != nil:
		return nil, r.err
	case len(asked) == 0, len(asked) > maxOpenUserIDs:
		return nil, refusef(40031, "invalid open_userid_list: %d ids", len(asked))
	}
	found, invalid := []object{}, []string{}
	for _, id := range asked {
		user, ok := w.byOpenID[id]
		switch {
		case !ok:
			invalid = append(invalid, id)
		case c.bot.usableBy(user):
			found = append(found, object{"open_userid": id, "userid": w.users[user].ID})
		}
	}
	return object{"userid_list": found, "invalid_open_userid_list": invalid}, nil
}

// OpenUserID is the encrypted id of a member, which robots with OpenUserIDs are
// given. It is always the same; "" where there is no such member.
func (w *WeCom) OpenUserID(user string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.openIDs[fold(user)]
}

// idFor is a member's id as a bot is told it. Callers hold mu.
func (w *WeCom) idFor(b *bot, user string) string {
	if b.robot.OpenUserIDs {
		return w.openIDs[fold(user)]
	}
	return w.users[fold(user)].ID
}

// named are the members whom a robot means by ids, which must be of the kind it
// is told itself. Callers hold mu.
func (w *WeCom) named(b *bot, ids []string) []string {
	if !b.robot.OpenUserIDs {
		return ids
	}
	users := []string{}
	for _, id := range ids {
		if user, ok := w.byOpenID[id]; ok {
			users = append(users, user)
		}
	}
	return users
}
