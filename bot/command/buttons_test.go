package command

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// many is the longest command that fits into one message.
func many() Command {
	cmd := Command{Verb: VerbVerify}
	for i := range MaxCodes {
		cmd.Items = append(cmd.Items, Item{Code: fmt.Sprintf("123456789012345678%02d", i), Count: MaxCount})
	}
	return cmd
}

func buttons() []Button {
	const id = "0193c5a7f3d0a1b2c3d4e5f60718293a"
	item := Item{Code: "0992697494", Count: 2}
	return []Button{
		{Action: ActVerify, Store: 1, Item: item},
		{Action: ActVerify, Store: 1<<62 - 1, Item: item, Operation: id},
		{Action: ActProduct, Store: 1, Item: Item{Code: "104930181552", Count: 2, Product: "1760000000000000001"}},
		{Action: ActProduct, Store: 1, Item: Item{Code: short, Count: 1, Product: "0001"}, Operation: id},
		{Action: ActStore, Store: 7, Command: Command{Verb: VerbVerify, Items: []Item{{"7992697494", 2, OnMeituan, "0001"}, {short, 1, OnDouyin, "1760000000000000001"}}}},
		{Action: ActUndo, Operation: id},
		{Action: ActShow, Operation: "operation-1"},
		{Action: ActClose, Operation: id, Used: true},
		{Action: ActClose, Operation: id},
		{Action: ActStore, Store: 7, Command: Command{Verb: VerbVerify, Items: []Item{item}}},
		{Action: ActStore, Store: 7, Command: Command{Verb: VerbVerify, Items: []Item{{"7992697494", 2, OnMeituan, ""}, {"8992697494", 1, OnDianping, ""}}}},
		{Action: ActStore, Store: 1<<62 - 1, Command: many()},
		{Action: ActStore, Store: 7, Scan: id},
		{Action: ActStores, From: 5, Command: many()},
		{Action: ActStores, Scan: id},
		{Action: ActOlder, N: MaxRecent, After: Mark{At: time.UnixMicro(1795413600000001).UTC(), ID: id}},
		{Action: ActAuthorize},
		{Action: ActAuthorize, Platform: "meituan"},
		{Action: ActBind, Store: 1}, {Action: ActUnbind, Store: 1}, {Action: ActUse, Store: 1},
		{Action: ActJoin, Store: 1, User: "zhang.san@x", Name: "张三 San"},
		{Action: ActApprove, Join: id}, {Action: ActRefuse, Join: id},
		{Action: ActPeople, Store: 1}, {Action: ActPeople, Store: 1, From: 5},
		{Action: ActPerson, Store: 1, User: "zhang.san@x"},
		{Action: ActRole, Store: 1, Role: "lead", User: "zhangsan"},
		{Action: ActRemove, Store: 1, User: "zhangsan"},
		{Action: ActPick, For: ActBind, From: 5},
		{Action: ActPick, For: ActKeep}, {Action: ActPick, For: ActAccounts, From: 5},
		{Action: ActWhere, Platform: "meituan"}, {Action: ActWhere, Platform: "douyin", From: 4},
		{Action: ActConnect, Platform: "meituan"}, {Action: ActConnect, Platform: "meituan", Store: 1<<62 - 1},
		{Action: ActShops, Platform: "douyin", From: 5}, {Action: ActWhere, Platform: "douyin", Shop: "7000000000000000001"},
		{Action: ActConnect, Platform: "douyin", Store: 3, Shop: "7000000000000000001"},
		{Action: ActKeep, Store: 1}, {Action: ActKeep, Store: 1, From: 5},
		{Action: ActMerge, Store: 1, Other: 2}, {Action: ActMerged, Store: 1, Other: 1<<62 - 1},
		{Action: ActAccounts, Store: 1}, {Action: ActAccount, Store: 2}, {Action: ActOff, Store: 2}, {Action: ActSplit, Store: 2},
		{Action: ActPick, For: ActJoin, From: 5, User: "zhang.san@x", Name: strings.Repeat("张", maxPersonName)},
	}
}

func TestButtonKeys(t *testing.T) {
	t.Parallel()
	used := map[Action]bool{}
	for _, want := range buttons() {
		used[want.Action] = true
		key := want.Key()
		if len(key) > MaxKey {
			t.Errorf("%s: a key of %d bytes", want.Action, len(key))
		}
		got, err := ReadButton(key)
		if err != nil {
			t.Errorf("%q: %v", key, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", key, diff)
		}
	}
	if len(used) != len(forms) {
		t.Errorf("%d of %d actions tried", len(used), len(forms))
	}
}

// The count of an undo is kept where it was said, be it one; what an earlier version kept
// is read.
func TestCountsOfUndos(t *testing.T) {
	t.Parallel()
	const c = "7992697494"
	undo := func(count int, said bool) Command {
		return Command{Verb: VerbUndo, Items: []Item{{c, count, "", ""}}, Counted: said}
	}
	for text, want := range map[string]Command{
		"撤 " + c: undo(1, false), "撤 " + c + " 1张": undo(1, true), "撤 " + c + " x1": undo(1, true), "撤 " + c + " 两张": undo(2, true), c + "x2 撤": undo(2, true),
		"验 " + c + " x1": {Verb: VerbVerify, Items: []Item{{c, 1, "", ""}}},
	} {
		got := Parse(text)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
		if again := Parse(got.String()); cmp.Diff(want, again) != "" {
			t.Errorf("%q is written as %q, which is %+v", text, got.String(), again)
		}
		if again, err := DecodeCommand(got.Encode()); err != nil || cmp.Diff(want, again) != "" {
			t.Errorf("%q is kept as %q, which is %+v, %v", text, got.Encode(), again, err)
		}
	}
	for kept, want := range map[string]Command{"undo:" + c: undo(1, false), "undo:" + c + "x2": undo(2, true), "撤 " + c: undo(1, false), "撤 " + c + " x2": undo(2, true)} {
		if got, err := DecodeCommand(kept); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%q: %+v, %v", kept, got, err)
		}
	}
	if got := ParseSpeech("撤销七九九二六九七四九四一张"); cmp.Diff(undo(1, true), got) != "" {
		t.Errorf("spoken: %+v", got)
	}
	for count, said := range map[int]bool{0: false, 1: true, 2: true} {
		if got := (Caption{Verb: VerbUndo, Count: count}).About([]string{c}); cmp.Diff(undo(max(count, 1), said), got) != "" {
			t.Errorf("%d beside a picture: %+v", count, got)
		}
	}
}

// Cards of the version before are on screens.
func TestKeysOfEarlierVersions(t *testing.T) {
	t.Parallel()
	item := Item{Code: "7992697494", Count: 1}
	for key, want := range map[string]Button{
		"verify 1 7992697494 1":           {Action: ActVerify, Store: 1, Item: item},
		"verify 1 7992697494 1 op1":       {Action: ActVerify, Store: 1, Item: item, Operation: "op1"},
		"store 1 验 7992697494":            {Action: ActStore, Store: 1, Command: Command{Verb: VerbVerify, Items: []Item{item}}},
		"store 2 查 7992697494":            {Action: ActStore, Store: 2, Command: Command{Verb: VerbQuery, Items: []Item{item}}},
		"store 2 验 7992697494 8992697494": {Action: ActStore, Store: 2, Command: Command{Verb: VerbVerify, Items: []Item{item, {"8992697494", 1, "", ""}}}},
		"store 2 验 7992697494 x2 8992697494 商品0001 104930181552 x3": {Action: ActStore, Store: 2, Command: Command{Verb: VerbVerify, Items: []Item{
			{"7992697494", 2, "", ""}, {"8992697494", 1, "", "0001"}, {"104930181552", 3, "", ""},
		}}},
		"stores 5 验 7992697494":        {Action: ActStores, From: 5, Command: Command{Verb: VerbVerify, Items: []Item{item}}},
		"stores 5 scan:m1":             {Action: ActStores, From: 5, Scan: "m1"},
		"store 1 scan:m1":              {Action: ActStore, Store: 1, Scan: "m1"},
		"older 6 1795413600000001 op1": {Action: ActOlder, N: 6, After: Mark{At: time.UnixMicro(1795413600000001).UTC(), ID: "op1"}},
		"undo op1":                     {Action: ActUndo, Operation: "op1"},
		"show op1":                     {Action: ActShow, Operation: "op1"},
		"close op1 used":               {Action: ActClose, Operation: "op1", Used: true},
		"close op1 unused":             {Action: ActClose, Operation: "op1"},
		"authorize ":                   {Action: ActAuthorize},
		"authorize dianping":           {Action: ActAuthorize, Platform: "dianping"},
		"join 1 zhangsan 张三 San":       {Action: ActJoin, Store: 1, User: "zhangsan", Name: "张三 San"},
		"pick 5 join zhangsan 张三 San":  {Action: ActPick, From: 5, For: ActJoin, User: "zhangsan", Name: "张三 San"},
		"pick 5 bind":                  {Action: ActPick, From: 5, For: ActBind},
		"people 1":                     {Action: ActPeople, Store: 1},
		"people 1 5":                   {Action: ActPeople, Store: 1, From: 5},
		"role 1 lead zhangsan":         {Action: ActRole, Store: 1, Role: "lead", User: "zhangsan"},
	} {
		got, err := ReadButton(key)
		if err != nil {
			t.Errorf("%q: %v", key, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", key, diff)
		}
	}
}

func TestForeignKeys(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"", " ", "nonsense", "verify", "verify 1", "verify 0 7992697494 1", "verify -1 7992697494 1", "verify x 7992697494 1", "verify 1 79 1",
		"verify 1 7992697494 0", "verify 1 7992697494 101", "verify 1 7992697494 1 a b", "verify 1  7992697494 1", "undo", "undo ", "undo a b", "close x",
		"close x y", "store x 验 7992697494", "store 1 授权", "store 1 我是 张三", "store 1 撤", "store 1 verify:", "store 1 verify:1",
		"store 1 verify:7992697494,7992697494", "store 1 verify:7992697494x0", "store 1 undo:7992697494,8992697494", "store 1 authorize:7992697494",
		"store 1 scan:", "product 1 7992697494 1", "product 1 7992697494 1 123", "product 1 7992697494 1 12x4", "product 1 7992697494 1 123456789012345678901",
		"store 1 verify:7992697494#", "store 1 verify:7992697494#123", "store 1 verify:7992697494#1234#1234", "store 1 verify:7992697494#1234x2", "stores -1 验 7992697494", "older x", "older 0 1 a", "older 51 1 a", "older 5 x a", "older 5 0 a", "bind", "bind x", "bind 1 2",
		"people 1 -5", "join 1", "join 1 张三", "join 1 zhangsan " + strings.Repeat("张", maxPersonName+1), "role 1 lead", "where meituan", "connect meituan", "connect meituan -1", "connect 1", "connect douyin 1 a b", "shops douyin", "merge 1", "merge 1 0", "merged 0 1", "merged 1 x", "off 0", "pick 5 remove", "pick x bind", "undo \xff",
		"show " + strings.Repeat("x", MaxKey),
	} {
		if b, err := ReadButton(key); !errors.Is(err, ErrOldKey) {
			t.Errorf("%q: %+v, %v", key, b, err)
		}
	}
}

// Whatever is read as a button is the same button when it is written and read anew,
// and the new key is one that WeCom takes.
func FuzzReadButton(f *testing.F) {
	for _, b := range buttons() {
		f.Add(b.Key())
	}
	for _, key := range []string{"store 1 验 7992697494 x2", "stores 5 scan:m1", "authorize ", "older 6 1795413600000001 op1"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		b, err := ReadButton(key)
		if err != nil {
			return
		}
		again, err := ReadButton(b.Key())
		if diff := cmp.Diff(b, again); err != nil || diff != "" || len(b.Key()) > MaxKey {
			t.Errorf("%q became %q: %v\n%s", key, b.Key(), err, diff)
		}
	})
}

func TestWishes(t *testing.T) {
	t.Parallel()
	one, two := []string{"7992697494"}, []string{"7992697494", "8992697494"}
	item := func(count int, codes ...string) (items []Item) {
		for _, code := range codes {
			items = append(items, Item{Code: code, Count: count})
		}
		return items
	}
	for name, c := range map[string]struct {
		caption Caption
		codes   []string
		want    Command
	}{
		"verify":         {Caption{Verb: VerbVerify}, one, Command{Verb: VerbVerify, Items: item(1, one...)}},
		"two of it":      {Caption{Verb: VerbVerify, Count: 2}, one, Command{Verb: VerbVerify, Items: item(2, one...)}},
		"both":           {Caption{Verb: VerbVerify}, two, Command{Verb: VerbVerify, Items: item(1, two...)}},
		"one of which":   {Caption{Verb: VerbVerify, Count: 1}, two, Command{Verb: VerbQuery, Items: item(1, two...)}},
		"undo":           {Caption{Verb: VerbUndo}, one, Command{Verb: VerbUndo, Items: item(1, one...)}},
		"undo of two":    {Caption{Verb: VerbUndo}, two, Command{Verb: VerbUndo, Problem: "一次只能撤销一个券码，请一个一个发，例如：撤 7992697494"}},
		"a look at both": {Caption{Verb: VerbQuery}, two, Command{Verb: VerbQuery, Items: item(1, two...)}},
	} {
		if diff := cmp.Diff(c.want, c.caption.About(c.codes)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
