package chat

import (
	"slices"

	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/redeem"
	"yanquan/dianping"
	"yanquan/models"
)

// wanted is what is asked to be verified.
type wanted struct {
	items   []command.Item
	account int64  // by a button; 0: whichever of the store's a code is from
	again   string // the operation on the same code that the person has seen
}

// pressed is what a button asks to verify: in one account, whose card was seen.
func pressed(b command.Button) wanted {
	return wanted{items: []command.Item{b.Item}, account: b.Store, again: b.Operation}
}

// accounts are those of a store that an item may be from.
func (w wanted) accounts(s models.Store, it command.Item) []models.Account {
	if a, ok := s.AccountOf(w.account); ok && a.Active {
		return []models.Account{a}
	} else if ok { // taken off since the card was sent
		return nil
	}
	return accountsOn(s, it.Platform)
}

// accountsOn are the accounts of a store that are asked, on a platform that was named.
func accountsOn(s models.Store, on command.Platform) []models.Account {
	return named(models.AccountsOf([]models.Store{s}), on)
}

// accountsNamed are the accounts of stores whose journal is meant where a platform was
// named: what was verified before an account was taken off stays there.
func accountsNamed(places []access.Place, on command.Platform) (ids []int64) {
	for _, p := range places {
		for _, a := range p.All() {
			same := func(b models.Account) bool { return a.ID == b.ID }
			if slices.ContainsFunc(accountsOn(p.Store, on), same) || slices.ContainsFunc(named(p.All(), on), same) {
				ids = append(ids, a.ID)
			}
		}
	}
	return ids
}

// named leaves the accounts on a platform that was named. Of Meituan and Dianping, whose
// generations are named alike, it is that which there is.
func named(all []models.Account, on command.Platform) []models.Account {
	if on == "" {
		return all
	}
	for _, platform := range generations[on] {
		some := slices.DeleteFunc(slices.Clone(all), func(a models.Account) bool { return a.Platform != platform })
		if len(some) > 0 {
			return some
		}
	}
	return nil
}

// generations are the platforms that a name stands for, the nearest first.
var generations = map[command.Platform][]string{
	command.OnMeituan:  {dianping.Meituan, dianping.Dianping},
	command.OnDianping: {dianping.Dianping, dianping.Meituan},
	command.OnDouyin:   {"douyin"},
}

// absent is why nothing is asked: the store is not on the platform that was named.
func absent(it command.Item) models.Outcome {
	return models.Outcome{Reason: redeem.ReasonAbsent, Code: string(it.Platform)}
}
