// The page's state, and its way to the demo server.
import { byId, face, toast } from "./dom.js";
import { Chat } from "./chat.js";
import { Panels } from "./panels.js";

class App {
  state = null;
  me = null; // userid of the person at the phone
  chat = null; // the open conversation, null on the list
  #skew = 0; // server's clock minus ours, ms
  #asking = null; // aborts the long poll under way
  #seen = new Map(); // person/conversation → number of messages seen

  constructor() {
    this.phone = new Chat(this);
    this.panels = new Panels(this);
    this.#follow();
  }

  now() { return Date.now() + this.#skew; }
  index(id) { return this.state.people.findIndex((p) => p.id === id); }
  // name and face of a userid; the empty one is the bot of a conversation.
  name(id, chat = this.chat) { return id ? this.state.people.find((p) => p.id === id)?.name ?? id : chat?.bot ?? ""; }
  face(id) {
    const i = this.index(id);
    return i < 0 ? face({ bot: true }) : face(this.state.people[i], i);
  }

  // chats are the conversations of the current person.
  chats() { return this.state.chats.filter((c) => c.members.includes(this.me)); }
  messages(chat) { return this.state.as === this.me ? this.state.messages.filter((m) => m.chat === chat.id) : []; }
  unread(chat) {
    const all = this.messages(chat).filter((m) => m.from !== this.me).length;
    return Math.max(0, all - (this.#seen.get(this.me + "/" + chat.id) ?? 0));
  }
  seen(chat) { if (this.state.as === this.me) this.#seen.set(this.me + "/" + chat.id, this.messages(chat).filter((m) => m.from !== this.me).length); }

  // become makes somebody else the person at the phone.
  become(id) {
    this.#turn(id);
    if (this.chat && !this.chat.members.includes(id)) this.chat = null;
    this.draw();
  }

  // open shows a conversation; one that the current person is not in is opened
  // as somebody who is.
  open(id) {
    this.chat = this.state.chats.find((c) => c.id === id) ?? null;
    if (this.chat && !this.chat.members.includes(this.me)) {
      const name = this.name(this.me);
      this.#turn(this.chat.members[0]);
      toast(`${name}不在这个群，已换成${this.name(this.me)}`);
    }
    this.draw();
  }

  // #turn hands the phone over: what is on its screen has to be asked for anew.
  #turn(id) {
    if (this.me === id) return;
    this.me = id;
    this.#asking?.abort();
  }

  say(text) { return this.phone.send(text); }

  // post calls an endpoint; a failure is shown and answers false.
  async post(what, body) {
    try {
      const res = await fetch("api/" + what, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
      if (res.ok) return true;
      const { error } = await res.json().catch(() => ({}));
      toast(error ?? `没有成功（${res.status}）`);
    } catch {
      toast("演示程序没有应答，它还在运行吗？");
    }
    return false;
  }

  // #follow keeps the state current by long polls.
  async #follow() {
    for (;;) {
      try {
        this.#asking = new AbortController();
        const after = this.state?.as === this.me ? this.state?.version ?? "" : "";
        const res = await fetch("api/state?" + new URLSearchParams({ as: this.me ?? "", after }), { signal: this.#asking.signal });
        if (!res.ok) throw new Error(String(res.status));
        const state = await res.json();
        if (this.me && state.as !== this.me) continue;
        this.state = state;
        this.#skew = state.now - Date.now();
        this.#problem(state.problem);
        this.draw();
      } catch (e) {
        if (e.name === "AbortError") continue;
        console.error(e);
        this.#problem("和演示程序断开了，正在重连…");
        await new Promise((again) => setTimeout(again, 1500));
      }
    }
  }

  #problem(text) {
    byId("problem").hidden = !text;
    byId("problem").textContent = text;
  }

  draw() {
    const { state } = this;
    if (!state?.people.length) return;
    if (!this.me) {
      this.me = state.as;
      this.chat = this.chats()[0] ?? null;
    }
    if (this.chat) this.chat = state.chats.find((c) => c.id === this.chat.id) ?? null;
    this.phone.draw();
    this.panels.draw();
    document.body.dataset.ready = String(!state.problem && state.as === this.me);
  }
}

new App();
