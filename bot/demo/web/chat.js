// The phone: conversation list, messages, input.
import { el, byId, keyed, face, minutes } from "./dom.js";
import { markdown } from "./markdown.js";
import { drawCard, undoUntil } from "./card.js";

// Words on the quick keys; those with a blank wait for a code.
const quick = [["验", "验 "], ["查", "查 "], ["撤", "撤"], ["记录", "记录"], ["今日", "今日"], ["帮助", "帮助"]];

export class Chat {
  constructor(app) {
    this.app = app;
    this.mention = true;
    byId("back").onclick = () => app.open(null);
    byId("input").onsubmit = (e) => {
      e.preventDefault();
      this.send(byId("text").value);
    };
    byId("text").oninput = () => this.#input();
    byId("mention").onclick = () => {
      this.mention = !this.mention;
      this.#input();
      byId("text").focus();
    };
    byId("quick").append(...quick.map(([word, text]) =>
      el("button", { type: "button", onclick: () => this.#quick(text) }, el("span", null, word))));
    setInterval(() => this.#clocks(), 1000);
  }

  // send says text as the current person in the open conversation. What could
  // not be sent comes back into the input.
  async send(text) {
    text = text.trim();
    const { chat } = this.app;
    if (!text || !chat) return;
    byId("text").value = "";
    this.#input();
    const ok = await this.app.post("say", { person: this.app.me, chat: chat.id, text, mention: chat.group && this.mention });
    if (!ok && !byId("text").value) byId("text").value = text;
    this.#input();
  }

  #quick(text) {
    const box = byId("text");
    // 验 and 查 want a code: one that is typed already is taken, else it is asked for.
    if (text.endsWith(" ")) {
      box.value = text + box.value.replace(/^[验查撤]\s*/, "");
      box.focus();
      this.#input();
      return;
    }
    this.send(text);
  }

  #input() {
    const { chat } = this.app;
    const m = byId("mention");
    m.hidden = !chat?.group;
    m.setAttribute("aria-pressed", String(this.mention));
    m.title = this.mention ? "发送时 @ 机器人（点一下取消）" : "不 @ 机器人：机器人收不到这条消息";
    m.replaceChildren(el("span", null, "@" + (chat?.bot ?? "")));
    byId("send").disabled = !byId("text").value.trim();
    byId("text").placeholder = chat?.group && !this.mention ? "说给同事" : "验 券码";
  }

  // draw shows the app's state.
  draw() {
    const { app } = this;
    const { chat } = app;
    byId("list").hidden = !!chat;
    for (const id of ["chat", "foot", "back"]) byId(id).hidden = !chat;
    byId("title").textContent = chat ? chat.name + (chat.group ? `(${chat.members.length + 1})` : "") : "消息";
    byId("note").textContent = chat?.note ?? "";
    const elsewhere = app.chats().reduce((n, c) => n + (c === chat ? 0 : app.unread(c)), 0);
    byId("unread").hidden = !elsewhere;
    byId("unread").textContent = elsewhere;
    this.#who();
    if (!chat) return this.#list();
    this.#input();

    if (app.state.as !== app.me) return; // the messages of another person; ours are on the way
    const box = byId("chat");
    const view = app.me + "/" + chat.id;
    const first = box.dataset.view !== view;
    if (first) {
      box.replaceChildren();
      box.dataset.view = view;
    }
    const atEnd = first || box.scrollHeight - box.scrollTop - box.clientHeight < 80;
    const before = box.scrollHeight;
    const items = [];
    let last = 0;
    for (const m of app.messages(chat)) {
      if (m.at - last > 5 * 60e3) items.push({ id: "t" + m.id, when: m.at });
      last = m.at;
      items.push({ ...m, mine: m.from === app.me });
    }
    if (!items.length) items.push({ id: "hint", hint: chat.hint ?? "" });
    keyed(box, items, (i) => i.id, (item, old) => this.#message(item, old));
    this.#clocks();
    if (atEnd || (items.at(-1)?.mine && box.scrollHeight > before)) box.scrollTop = box.scrollHeight;
    app.seen(chat);
  }

  #who() {
    const { app } = this;
    keyed(byId("who"), app.state.people.map((p) => ({ ...p, on: p.id === app.me })), (p) => p.id, (p) =>
      el("button", { role: "radio", "aria-checked": String(p.on), "data-person": p.id, onclick: () => app.become(p.id) },
        app.face(p.id), el("span", null, el("b", null, p.name), el("small", null, p.role))));
  }

  #list() {
    const { app } = this;
    const rows = app.chats().map((c) => {
      const m = app.messages(c).at(-1);
      return { id: c.id, name: c.name, group: c.group, members: c.members, at: m?.at ?? 0, last: m ? this.#line(m, c) : c.note, unread: app.unread(c) };
    }).sort((a, b) => b.at - a.at);
    keyed(byId("list"), rows, (r) => r.id, (r) =>
      el("button", { type: "button", "data-chat": r.id, onclick: () => app.open(r.id) },
        r.group ? this.#groupFace(r) : face({ bot: true }),
        el("b", null, r.name), el("time", null, r.at ? minutes(r.at) : ""),
        el("p", null, r.last), r.unread ? el("span.dot", null, r.unread) : el("span")));
  }

  #groupFace(chat) {
    const bot = el("i", null, el("img", { src: "icon.svg", alt: "" }));
    return el("span.face.group", { "aria-hidden": "true" }, bot,
      chat.members.slice(0, 3).map((id) => el(`i.c${this.app.index(id) % 4}`, null, [...this.app.name(id)].at(-1))));
  }

  // #line is a message in one line, for the conversation list.
  #line(m, chat) {
    const text = m.media ? (m.media.image ? "[图片]" : "[文件] " + m.media.name) : m.card ? "[卡片] " + (m.card.title ?? "") : (m.text || "…").replace(/\s+/g, " ").replaceAll("**", "");
    return chat.group && m.from !== this.app.me ? `${this.app.name(m.from, chat)}：${text}` : text;
  }

  #message(m, old) {
    if (m.when) return el("div.when", null, minutes(m.when));
    if (m.hint !== undefined) return el("div.hint", null, m.hint);
    const { app } = this;
    const names = (id) => app.name(id);
    const body = [];
    if (!m.mine && app.chat.group) {
      body.push(el("div.name", null, app.name(m.from), m.from === "" && el("span.tag", null, "智能机器人")));
    }
    if (m.text || (!m.card && m.running)) body.push(this.#bubble(m, names));
    if (m.card) {
      const fresh = !!old && JSON.stringify(JSON.parse(old.dataset.content).card) !== JSON.stringify(m.card);
      body.push(drawCard(m.card, { names, fresh, ask: (text) => this.send(text), press: (key, button) => this.#press(m, key, button) }));
      const until = m.card.dead ? 0 : undoUntil(m.card, m.at);
      if (until) body.push(el("div.clock", { "data-until": until, "data-from": m.at }, el("span"), el("i", null, el("b"))));
    }
    if (m.media) {
      const { name, image, url } = m.media;
      body.push(el("a.media", { href: url, target: "_blank", rel: "noopener noreferrer", title: name },
        image ? el("img", { src: url, alt: name }) : el("span.file", null, el("b", null, name), el("small", null, "点开下载"))));
    }
    if (m.failed) body.push(el("div.failed", { role: "alert" }, "❗ " + m.failed));
    const kind = ["msg", m.mine && "me", !m.from && "wide"].filter(Boolean).join(" ");
    return el("div", { class: kind, "data-id": m.id, "data-from": m.from }, app.face(m.from), el("div.body", null, body));
  }

  #bubble(m, names) {
    const typing = m.running && el("span.typing", { "aria-label": "正在输入" }, el("i"), el("i"), el("i"));
    const quoted = m.quote && el("span.quoted", null, m.quote);
    if (m.markdown) {
      const blocks = markdown(m.text ?? "", names);
      if (typing) (blocks.at(-1) ?? blocks[blocks.push(el("p")) - 1]).append(typing);
      return el("div.bubble.md", null, quoted, blocks);
    }
    const at = /^@\S+/.exec(m.text ?? "")?.[0];
    return el("div.bubble", null, quoted,
      at && this.app.chat.group ? [el("span.at", null, at), m.text.slice(at.length)] : m.text, typing);
  }

  async #press(m, key, button) {
    const keys = [...button.closest(".keys").children];
    keys.forEach((k) => (k.disabled = true));
    button.classList.add("busy");
    await this.app.post("press", { person: this.app.me, chat: this.app.chat.id, message: m.id, key });
    // Where the card did not change, it can be pressed again.
    button.classList.remove("busy");
    keys.forEach((k) => (k.disabled = false));
  }

  #clocks() {
    const now = this.app.now();
    for (const c of document.querySelectorAll(".clock")) {
      const left = Math.ceil((+c.dataset.until - now) / 1000);
      const whole = Math.max(1, (+c.dataset.until - +c.dataset.from) / 1000);
      c.classList.toggle("soon", left <= 60);
      c.classList.toggle("over", left <= 0);
      c.firstChild.textContent = left > 0
        ? `还可撤销 ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` : "已过撤销时间";
      c.lastChild.firstChild.style.width = `${Math.min(100, Math.max(0, (100 * left) / whole))}%`;
    }
  }
}
