// Package wecomtest is a fake WeCom (企业微信) that lives in one process: it sends
// the encrypted callbacks the real one sends, serves the part of
// qyapi.weixin.qq.com a chat bot calls, refuses what the real one refuses, and
// keeps what every person and every group would see on the screen.
//
// It was written from the published protocol and not from the code it tests; in
// particular it has crypto of its own, so that the two check each other. Page
// numbers in comments are those of developer.work.weixin.qq.com/document/path/N.
//
// # Use
//
//	fake := wecomtest.New(wecomtest.Options{
//		Apps:   []wecomtest.App{{Name: "main", AgentID: 1000002}},
//		Robots: []wecomtest.Robot{{Name: "group", DisplayName: "验券"}},
//		Users:  []wecomtest.User{{ID: "zhangsan", Name: "张三"}},
//		Groups: []wecomtest.Group{{ID: "wrAbC", Name: "门店群", Members: []string{"zhangsan"}, Robots: []string{"group"}}},
//	})
//	defer fake.Close()
//	api := httptest.NewServer(fake)     // what the bot calls
//	fake.SetAPIURL(api.URL)             // where response_url leads
//	fake.SetCallbackURL(wecomtest.InRobot("group", ""), botURL)
//	fake.Say(ctx, wecomtest.InGroup("wrAbC").Mention("group"), "zhangsan", "验 7992697494")
//	shown := fake.Screen(wecomtest.InGroup("wrAbC"))
//
// Secrets, tokens and keys that are left empty are made up; [WeCom.App] and
// [WeCom.Robot] tell them. Close the fake before the servers around it.
//
// [WeCom.Control] is the same over HTTP, for tests in another process and for a
// web page.
//
// # What is faithful
//
// Callbacks: signature, AES-256-CBC with PKCS#7 of block 32, receiveid = corp id
// for apps and empty for robots; five seconds an attempt, three retries with the
// very same bytes, then silence; card events and the welcome event of robots once
// only; URL verification within one second with the bare text. Passive answers
// are decrypted and held to the published form. Streams are polled until they
// finish, for six minutes. A group is heard only where the robot is mentioned.
// response_code and response_url work once, for 72 hours and for one hour. Tokens
// last two hours. Codes of a page's visitors serve once, for five minutes, and the
// app whose trusted domain the page is on. Webhooks take 20 messages a minute. Task ids are unique per app for ever. More than 30 messages a
// minute to one member are swallowed without an error.
//
// # What is invented
//
// The published pages leave these open, and the fake had to choose:
//
//   - a robot's messages are retried like an app's (the pages only say that repeats
//     are possible);
//   - one second between retries of a callback ([Options].RetryDelays), one second
//     between stream polls ([Options].PollEvery);
//   - a body that answers a callback wrongly with status 200 counts as an accepted
//     callback without an answer: it is listed by [WeCom.Refusals], not retried;
//   - the second passive answer to one message (after [WeCom.Resend]) is kept in
//     the [Delivery] but not shown again;
//   - a fourth message while three are unfinished is not sent at all
//     ([ErrUnfinished]);
//   - which of the list-length codes goes with which list (42035 jump_list, 42036
//     button_list, 42037 horizontal_content_list, 42042 options and selectors,
//     42047 vertical_content_list and action_list);
//   - 60140 for a response_url that was used or is too old, 40008 for a template
//     card to a response_url of a group, 45002 for a text that is too long in an
//     active message;
//   - a refused update or active answer does not use up its code;
//   - members outside the visible range are in neither list of
//     batch/openuserid_to_userid, an empty or too long list is refused with 40031,
//     and a robot that is given encrypted ids must use these in an update, too;
//   - a message that enable_duplicate_check swallows is answered like its first
//     copy; a member over the rate limit still counts as a valid receiver;
//   - a media_id of another type than the message's is refused with 40007, a
//     picture that is neither JPEG nor PNG with 40005;
//   - an updated card keeps the task id it was sent with; a quoted card is passed on
//     as its title;
//   - the text of errors, ids, and the addresses of getcallbackip (documentation
//     addresses of RFC 5737).
//
// agentid must be a JSON integer as documented, although the real one has been
// seen to take a string.
//
// # What it does not do
//
// The long connection of robots, webhooks, appchat, recall, departments and tags
// (they reach nobody), id translation, feedback events, daily and
// hourly limits, the ban after many wrong secrets, images inside streams (counted
// and checked, not shown), and the cutting of long lines by the client: lines
// over the advised length are listed in [Card].Overlong instead.
package wecomtest
