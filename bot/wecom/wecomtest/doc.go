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
// A robot with a long connection (Robot.LongConnection) gets no callback URL; the
// bot opens fake.SocketURL() and subscribes with Robot.ID and Robot.Secret. Say and
// the like return once the frame is written, as callbacks have no ack:
// [WeCom.WaitReply] waits for what is answered, [WeCom.WaitFor] for what is seen.
//
// [Edited] sends what the pages do not show: characters that are no text, JSON inside
// strings, two senders in one message, the same id from two people, another corp's
// userid. It goes out like any callback, with its repeats.
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
// app whose trusted domain the page is on. Webhooks take 20 messages a minute. Task
// ids are unique per app for ever. More than 30 messages a minute to one member are
// swallowed without an error.
//
// Long connection: frames and acks without cmd, matched by req_id; one live
// connection a robot, the older one gets disconnected_event and is closed; 846609
// for sends without a subscription; a req_id answers for 24 hours, that of an event
// once and within five seconds, of its kind only (846605); streams take no images
// and end six minutes after their first frame (846608); plain text only welcomes;
// pushes reach conversations in which a person has written to the robot, group ids
// with their case (93006); 30 messages a minute and 1000 an hour to one
// conversation, answers and pushes together (45009).
//
// Pictures: of a robot encrypted as padded AES-256-CBC without a frame, at an
// address that lives five minutes, with the robot's key or, over a long connection,
// with a key of its own; in groups only inside mixed messages. Of an app by
// media/get, raw and with ranges. What is spoken reaches a robot as words, an app as
// a recording.
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
//     as its title, a quoted picture at a new address;
//   - long connection: a callback that finds no subscription is lost, and listed by
//     [WeCom.Dropped] ([Options].KeepUndelivered keeps messages instead, without
//     their events); what is written to a connection that has died unnoticed counts
//     as delivered;
//   - ten aibot_subscribe a minute ([Options].SubscribeRate), then 45009, failed
//     ones included; 40001 for a wrong bot_id or secret, 48002 for a robot with a
//     URL; a refused connection stays open, one that is kicked is closed with status
//     1000; a second aibot_subscribe on the same connection changes nothing; ping is
//     acked before a subscription, too;
//   - 40058 for a malformed frame, with an empty req_id where it has none, and for an
//     unknown cmd; a frame over 2 MiB breaks the connection;
//   - a req_id outlives the connection it came over ([WeCom.ForgetRequests]); a
//     message may be answered any number of times, with a card each; an event's
//     req_id takes nothing from aibot_respond_msg, not only no stream; what comes too
//     late or twice is refused with 846605;
//   - a stream counts as one message against the limits, a card update as none; the
//     last frame of a stream may be repeated as it was, another one after it gets
//     846608; over a long connection only a running stream is an unfinished
//     interaction, not a message without an answer;
//   - template cards in groups over a long connection are refused with 40008, answers
//     and pushes alike, as the page says ([Options].GroupCards; one project reports
//     that they work), and so is stream_with_template_card ([Options].StreamCards);
//     93006 where no message came before; 40007 for files, as nothing can be uploaded;
//   - bodies over a long connection have a response_url like those to a URL
//     ([Options].NoResponseURL leaves it out); an aeskey ends in "="
//     ([Options].BareMediaKeys);
//   - 404 for a picture whose address is too old; the address in PicUrl lives for ever;
//   - in a group, the mention before a mixed message is part of its first words, or a
//     part of its own before a picture;
//   - errcodes of menu/create; names of 16 bytes on top and 40 below; a menu that was
//     never created has every entry that is pressed;
//   - inactive_alert and its kin come from "sys", with EffectTime in seconds since 1970;
//   - the text of errors, ids, and the addresses of getcallbackip (documentation
//     addresses of RFC 5737).
//
// agentid must be a JSON integer as documented, although the real one has been
// seen to take a string.
//
// # What it does not do
//
// Uploads over the long connection (aibot_upload_media_*) and videos to robots,
// switching a robot between URL and long connection, menu/get and menu/delete,
// appchat, recall, departments and tags (they reach no one), id translation,
// feedback events, daily and hourly limits of apps, the ban after many wrong
// secrets, images inside streams (counted and checked, not shown), and the cutting
// of long lines by the client: lines over the advised length are listed in
// [Card].Overlong instead.
package wecomtest
