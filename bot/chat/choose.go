package chat

import (
	"context"
	"fmt"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/models"
)

// choice is stores to choose one of.
type choice struct {
	title, text string
	stores      []models.Store
	style       bot.KeyStyle
	word        string // with the name of a store a text that means the same; may be empty
	alone       bool   // a store without others is taken without asking
}

// choosing is what stores are chosen for.
type choosing struct {
	from func(context.Context, *models.DB, bot.Message) (choice, bot.Reply, error) // a reply: there is nothing to choose
	do   func(context.Context, *models.DB, bot.Message, command.Button) (bot.Reply, error)
}

// choosings are all that a store can be chosen for, by what their buttons do.
func (u *admin) choosings() map[command.Action]choosing {
	return map[command.Action]choosing{
		command.ActBind:   {u.bindable, u.bind},
		command.ActUnbind: {u.bound, u.unbind},
		command.ActUse:    {u.usable, u.use},
		command.ActPeople: {u.people.led, u.people.list},
		command.ActJoin:   {u.people.joinable, u.people.join},

		command.ActKeep:     {u.mergeable, u.keep},
		command.ActAccounts: {u.reducible, u.accounts},
	}
}

// join asks for a place in the store of a group.
func (u *admin) join(ctx context.Context, tx *models.DB, m bot.Message, cmd command.Command) (bot.Reply, error) {
	switch {
	case cmd.Problem != "":
		return bot.Say("%s", cmd.Problem), nil
	case m.Private():
		return bot.Say("请在门店的群里 @我 发「我是 %s」。", cmd.Name), nil
	}
	c, none, err := u.people.joinable(ctx, tx, m)
	if err != nil || !none.Empty() {
		return none, err
	}
	return u.choose(ctx, tx, m, c, command.Button{Action: command.ActJoin, User: m.User, Name: cmd.Name}, 0)
}

// offer does something in the store that a command names, or asks in which.
func (u *admin) offer(action command.Action) func(context.Context, *models.DB, bot.Message, command.Command) (bot.Reply, error) {
	return func(ctx context.Context, tx *models.DB, m bot.Message, cmd command.Command) (bot.Reply, error) {
		c, none, err := u.choosings()[action].from(ctx, tx, m)
		if err != nil || !none.Empty() {
			return none, err
		}
		if cmd.Name != "" {
			if c = c.named(cmd.Name); len(c.stores) == 0 {
				return bot.Say("您在这里没有叫「%s」的门店。请发「%s」看看有哪些。", command.Shorten(cmd.Name), c.word), nil
			}
		}
		return u.choose(ctx, tx, m, c, command.Button{Action: action}, 0)
	}
}

// pick goes on with the question in which store.
func (u *admin) pick(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (bot.Reply, error) {
	c, none, err := u.choosings()[b.For].from(ctx, tx, m)
	if err != nil || !none.Empty() {
		return none, err
	}
	return u.choose(ctx, tx, m, c, command.Button{Action: b.For, User: b.User, Name: b.Name}, b.From)
}

// choose does something in the only store of a choice, or asks in which.
func (u *admin) choose(ctx context.Context, tx *models.DB, m bot.Message, c choice, do command.Button, from int) (bot.Reply, error) {
	if len(c.stores) == 1 && c.alone {
		do.Store = c.stores[0].ID
		return u.choosings()[do.Action].do(ctx, tx, m, do)
	}
	keys := storeKeys(c.stores, from, do, command.Button{Action: command.ActPick, For: do.Action, User: do.User, Name: do.Name})
	for i := range keys[:len(keys)-moreKeys(c.stores)] {
		if keys[i].Style = c.style; c.word != "" {
			keys[i].Say = c.word + " " + keys[i].Text
		}
	}
	return bot.Reply{Card: &bot.Card{TaskID: u.NewID(), Source: "验券", Title: c.title, Text: c.text, Keys: keys}}, nil
}

// named narrows a choice to the stores that are called so.
func (c choice) named(name string) choice {
	labels, all := storeLabels(c.stores), c.stores
	c.stores, c.alone = nil, true
	for i, s := range all {
		if fold(labels[i]) == fold(name) { // one of several of that name
			c.stores = []models.Store{s}
			return c
		}
		if fold(s.Name) == fold(name) {
			c.stores = append(c.stores, s)
		}
	}
	if len(c.stores) > 1 {
		c.title = fmt.Sprintf("有 %d 家叫「%s」，是哪一家？", len(c.stores), c.stores[0].Name)
	}
	return c
}
