package command

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Action is what a button does.
type Action string

// The actions. [forms] says which fields of a [Button] each needs.
const (
	ActVerify  Action = "verify"
	ActProduct Action = "product" // verify what is of Item.Product
	ActUndo    Action = "undo"
	ActShow    Action = "show"
	ActClose   Action = "close"
	ActStore   Action = "store"  // do Command, or what was scanned, in Store
	ActStores  Action = "stores" // show other stores to do it in
	ActOlder   Action = "older"

	ActAuthorize Action = "authorize"
	ActBind      Action = "bind"
	ActUnbind    Action = "unbind"
	ActUse       Action = "use"
	ActJoin      Action = "join"
	ActApprove   Action = "approve"
	ActRefuse    Action = "refuse"
	ActPeople    Action = "people"
	ActPerson    Action = "person"
	ActRole      Action = "role"
	ActRemove    Action = "remove"
	ActPick      Action = "pick" // show other stores to do For in

	ActShops    Action = "shops"    // show other shops that can be connected at Platform
	ActWhere    Action = "where"    // show which stores a shop of Platform can be added to
	ActConnect  Action = "connect"  // authorise a shop of Platform as an account of Store; 0: as a new store
	ActKeep     Action = "keep"     // show which stores can be merged into Store
	ActMerge    Action = "merge"    // ask whether Other is merged into Store
	ActMerged   Action = "merged"   // merge Other into Store
	ActAccounts Action = "accounts" // show the accounts of Store
	ActAccount  Action = "account"  // show what can be done with the account Store
	ActOff      Action = "off"      // put the account Store out of use
	ActSplit    Action = "split"    // make the account Store a store of its own
)

// Button is what a press asks for. Its key comes back from the network: the code that
// reads one checks who presses and what is true now.
type Button struct {
	Action    Action
	Store     int64  // or an account
	Other     int64  // a second store
	Shop      string // at Platform; empty: to be chosen there
	Operation string // verify, product: the one on the same code that the person has seen, or empty
	Item      Item
	Used      bool    // what a manager has seen of the voucher
	Command   Command // about codes
	Scan      string  // the message whose scanned codes are meant, instead of Command
	From      int     // the first of a list to show
	N         int     // how many of a list
	After     Mark
	Platform  string // empty: to be chosen
	Name      string // of the person who joins, who is User
	Join      string
	User      string
	Role      string
	For       Action
}

// Mark is where a page of a list begins: after the row of this time and id.
type Mark struct {
	At time.Time
	ID string
}

// MaxKey is the longest key of a button that WeCom takes, in bytes.
const MaxKey = 1024

// ErrOldKey: the key is not one of ours, or not any more.
var ErrOldKey = errors.New("command: a button we do not know")

// Key is the form in which a button travels; [ReadButton] reads it.
func (b Button) Key() string {
	key := string(b.Action)
	for _, p := range forms[b.Action] {
		if text := p.write(b); text != "" {
			key += " " + text
		}
	}
	return key
}

// ReadButton reads a key and checks the form of all that it says. It reads the keys
// of earlier versions, for cards are on screens for days.
func ReadButton(key string) (Button, error) {
	word, rest, _ := strings.Cut(key, " ")
	form, ok := forms[Action(word)]
	if !ok || len(key) > MaxKey || !utf8.ValidString(key) {
		return Button{}, ErrOldKey
	}
	b := Button{Action: Action(word)}
	var texts []string
	if rest != "" {
		texts = strings.SplitN(rest, " ", len(form))
	}
	for i, p := range form {
		switch {
		case i >= len(texts) && p.optional:
		case i >= len(texts) || !p.read(&b, texts[i]):
			return Button{}, fmt.Errorf("%w: %s", ErrOldKey, word)
		}
	}
	return b, nil
}

// part is one field of a key. Fields are parted by spaces; only the last may hold
// some, or be optional.
type part struct {
	write    func(Button) string
	read     func(*Button, string) bool // false: the text has not the form of the field
	optional bool
}

// forms are the fields of each kind of key, in their order.
var forms = map[Action][]part{
	ActVerify:  {store, code, count, optionally(operation)},
	ActProduct: {store, code, count, product, optionally(operation)},
	ActUndo:    {operation},
	ActShow:    {operation},
	ActClose:   {operation, used},
	ActStore:   {store, doing},
	ActStores:  {from, doing},
	ActOlder:   {howMany, afterTime, afterID},

	ActAuthorize: {optionally(platform)},
	ActBind:      {store},
	ActUnbind:    {store},
	ActUse:       {store},
	ActJoin:      {store, joiner},
	ActApprove:   {join},
	ActRefuse:    {join},
	ActPeople:    {store, optionally(from)},
	ActPerson:    {store, user},
	ActRole:      {store, role, user},
	ActRemove:    {store, user},
	ActPick:      {from, pickFor, optionally(joiner)},

	ActShops:    {platform, from},
	ActWhere:    {platform, from, optionally(shop)},
	ActConnect:  {platform, into, optionally(shop)},
	ActKeep:     {store, optionally(from)},
	ActMerge:    {store, other},
	ActMerged:   {store, other},
	ActAccounts: {store},
	ActAccount:  {store},
	ActOff:      {store},
	ActSplit:    {store},
}

func optionally(p part) part { p.optional = true; return p }

var (
	store     = number(func(b *Button) *int64 { return &b.Store }, 1, 1<<62)
	other     = number(func(b *Button) *int64 { return &b.Other }, 1, 1<<62)
	into      = number(func(b *Button) *int64 { return &b.Store }, 0, 1<<62)
	count     = number(func(b *Button) *int { return &b.Item.Count }, 1, MaxCount)
	from      = number(func(b *Button) *int { return &b.From }, 0, 1<<30)
	howMany   = number(func(b *Button) *int { return &b.N }, 1, MaxRecent)
	operation = name(func(b *Button) *string { return &b.Operation })
	join      = name(func(b *Button) *string { return &b.Join })
	user      = name(func(b *Button) *string { return &b.User })
	platform  = name(func(b *Button) *string { return &b.Platform })
	shop      = name(func(b *Button) *string { return &b.Shop })
	afterID   = name(func(b *Button) *string { return &b.After.ID })
	role      = name(func(b *Button) *string { return &b.Role })
	code      = part{
		write: func(b Button) string { return b.Item.Code },
		read:  func(b *Button, s string) bool { b.Item.Code = s; return isCode(s) },
	}
	product = part{
		write: func(b Button) string { return b.Item.Product },
		read:  func(b *Button, s string) bool { b.Item.Product = s; return IsProduct(s) },
	}
	used = part{
		write: func(b Button) string { return map[bool]string{true: "used", false: "unused"}[b.Used] },
		read:  func(b *Button, s string) bool { b.Used = s == "used"; return b.Used || s == "unused" },
	}
	afterTime = part{
		write: func(b Button) string { return strconv.FormatInt(b.After.At.UnixMicro(), 10) },
		read: func(b *Button, s string) bool {
			us, err := strconv.ParseInt(s, 10, 64)
			b.After.At = time.UnixMicro(us).UTC()
			return err == nil && us > 0
		},
	}
	joiner = part{
		write: func(b Button) string { return strings.TrimSpace(b.User + " " + b.Name) },
		read: func(b *Button, s string) bool {
			var problem string
			b.User, s, _ = strings.Cut(s, " ")
			b.Name, problem = PersonName(s)
			return isName(b.User) && problem == ""
		},
	}
	pickFor = part{
		write: func(b Button) string { return string(b.For) },
		read: func(b *Button, s string) bool {
			b.For = Action(s)
			switch b.For {
			case ActBind, ActUnbind, ActUse, ActPeople, ActJoin, ActKeep, ActAccounts:
				return true
			}
			return false
		},
	}
	doing = part{write: writeDoing, read: readDoing}
)

// scanMark stands before the id of a message, in place of a command.
const scanMark = "scan:"

func writeDoing(b Button) string {
	if b.Scan != "" {
		return scanMark + b.Scan
	}
	return b.Command.Encode()
}

func readDoing(b *Button, s string) bool {
	if id, ok := strings.CutPrefix(s, scanMark); ok {
		b.Scan = id
		return isName(id)
	}
	var err error
	b.Command, err = DecodeCommand(s)
	return err == nil
}

// number is a field that holds a number from least to most.
func number[N int | int64](of func(*Button) *N, least, most int64) part {
	return part{
		write: func(b Button) string { return strconv.FormatInt(int64(*of(&b)), 10) },
		read: func(b *Button, s string) bool {
			n, err := strconv.ParseInt(s, 10, 64)
			*of(b) = N(n)
			return err == nil && n >= least && n <= most
		},
	}
}

// name is a field that holds an id, without spaces.
func name[S ~string](of func(*Button) *S) part {
	return part{
		write: func(b Button) string { return string(*of(&b)) },
		read:  func(b *Button, s string) bool { *of(b) = S(s); return isName(s) },
	}
}

const maxName = 128 // bytes of an id

func isName(s string) bool {
	return s != "" && len(s) <= maxName && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	})
}

func isCode(s string) bool {
	return len(s) >= MinCodeLen && len(s) <= MaxCodeLen && leadingDigits(s) == s || IsLink(s)
}
