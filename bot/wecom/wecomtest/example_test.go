package wecomtest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"yanquan/bot/wecom/wecomtest"
)

func Example() {
	fake := wecomtest.New(wecomtest.Options{
		Robots: []wecomtest.Robot{{Name: "group", DisplayName: "验券"}},
		Users:  []wecomtest.User{{ID: "zhangsan", Name: "张三"}},
		Groups: []wecomtest.Group{{ID: "wrAbC", Name: "门店群", Members: []string{"zhangsan"}, Robots: []string{"group"}}},
	})
	api := httptest.NewServer(fake) // what the bot calls
	defer api.Close()
	defer fake.Close()
	fake.SetAPIURL(api.URL)

	bot := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) // accepts, says nothing
	defer bot.Close()
	if err := fake.SetCallbackURL(wecomtest.InRobot("group", ""), bot.URL); err != nil {
		fmt.Println(err)
	}

	group := wecomtest.InGroup("wrAbC")
	out, err := fake.Say(context.Background(), group.Mention("group"), "zhangsan", "验 7992697494")
	fmt.Println(out.Delivery().Accepted(), err)
	for _, s := range fake.Screen(group) {
		fmt.Println(s.From, s.Text)
	}
	// Output:
	// true <nil>
	// zhangsan @验券 验 7992697494
}
