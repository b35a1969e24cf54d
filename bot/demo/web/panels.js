// What belongs to the demonstration: sample vouchers, the wire, mischief.
import { el, byId, keyed, seconds } from "./dom.js";

export class Panels {
  constructor(app) {
    this.app = app;
    this.shop = null; // id of the shop whose vouchers are shown
    this.opened = new Set(); // wire entries that are unfolded
    for (const name of ["tray", "wire"]) byId("tab-" + name).onclick = () => this.#tab(name);
    this.#tab("tray");
    byId("more").onclick = () => this.sheet(!document.body.classList.contains("sheet"));
    byId("close").onclick = () => this.sheet(false);
    byId("tonight").onclick = () => this.#tonight();
    byId("sell").onclick = () => app.post("sell", { shop: this.shop });
  }

  // #tonight lets the clocks go to the time of the summary, and takes the phone of
  // who gets it.
  async #tonight() {
    const { app } = this;
    const manager = app.state.people.find((p) => p.role === "店长");
    const direct = app.state.chats.find((c) => !c.group);
    this.sheet(false);
    if (await app.post("tonight", {})) {
      app.become(manager.id);
      app.open(direct.id);
    }
  }

  // sheet slides the panels in or out, on a phone.
  sheet(open) {
    document.body.classList.toggle("sheet", open);
    byId("more").setAttribute("aria-expanded", String(open));
  }

  #tab(name) {
    for (const n of ["tray", "wire"]) {
      byId("tab-" + n).setAttribute("aria-selected", String(n === name));
      byId(n).classList.toggle("off", n !== name);
    }
  }

  draw() {
    const { state, chat } = this.app;
    const own = state.shops.filter((s) => s.chat === chat?.id);
    if (own.length && chat.id !== this.lastChat && !own.some((s) => s.id === this.shop)) this.shop = own[0].id;
    this.lastChat = chat?.id;
    const shop = state.shops.find((s) => s.id === this.shop) ?? state.shops[0];
    if (!shop) return;
    this.shop = shop.id;

    keyed(byId("shops"), state.shops.map(({ id, name, note }) => ({ id, name, note, on: id === shop.id })), (s) => s.id, (s) =>
      el("button", { type: "button", role: "radio", "aria-checked": String(s.on), "data-shop": s.id, onclick: () => this.#pick(s.id) },
        el("b", null, s.name), el("small", null, s.note)));
    keyed(byId("vouchers"), shop.vouchers.map((v) => ({ ...v, id: shop.id + v.code })), (v) => v.id, (v, old) => this.#ticket(v, old));
    this.#mischief(shop);
    this.#log();
  }

  #pick(id) {
    this.shop = id;
    const shop = this.app.state.shops.find((s) => s.id === id);
    if (shop && this.app.chat?.group !== false) this.app.open(shop.chat);
    this.draw();
  }

  // #say sends text where the voucher's shop is spoken for: the open 1:1
  // conversation, else the shop's group.
  #say(text) {
    const { app } = this;
    const shop = app.state.shops.find((s) => s.id === this.shop);
    if (app.chat?.group !== false) app.open(shop.chat);
    this.sheet(false);
    byId("text").value = text; // to be seen for as long as it takes
    app.say(text);
  }

  // #photo sends a picture of the voucher's QR code to the app, where pictures can be sent.
  #photo(code) {
    const { app } = this;
    const direct = app.state.chats.find((c) => !c.group);
    const shop = app.state.shops.find((s) => s.id === this.shop);
    const members = app.state.chats.find((c) => c.id === shop.chat)?.members ?? [];
    if (!members.includes(app.me)) app.become(members[0]);
    app.open(direct.id);
    this.sheet(false);
    app.post("photo", { person: app.me, shop: shop.id, code });
  }

  #ticket(v, old) {
    const usable = v.state === "ok";
    const kind = ["ticket", usable && "usable", v.state, old && "fresh"].filter(Boolean).join(" ");
    const more = v.count > 1 && usable;
    return el("li", { class: kind, "data-code": v.code, "data-state": v.state },
      el("button.main", { type: "button", title: `发送「验 ${v.code}」`, onclick: () => this.#say("验 " + v.code) },
        el("span.price", null, v.price, v.count > 1 && el("small", null, v.times ? `${v.count} 次` : `一单 ${v.count} 张`)),
        el("span.what", null, el("b", null, v.title),
          el(v.replaced ? "code.old" : "code", null, v.code), el("span.state", null, v.label),
          v.replaced ? el("em", null, "新码 ", el("code", null, v.replaced)) : v.hint && el("em", null, v.hint))),
      el("div.side", null,
        v.photo && usable && el("button", { type: "button", title: "拍二维码，发给应用", "aria-label": `拍 ${v.code}`, onclick: () => this.#photo(v.code) }, "拍"),
        more && el("button", { type: "button", "aria-label": `一次验两张 ${v.code}`, onclick: () => this.#say(`验 ${v.code} x2`) }, "验×2"),
        el("button", { type: "button", "aria-label": `查 ${v.code}`, onclick: () => this.#say("查 " + v.code) }, "查")));
  }

  #mischief(shop) {
    const { state } = this.app;
    keyed(byId("mischief"), [{ id: shop.id, name: shop.name, now: shop.mischief, all: state.mischiefs }], (i) => i.id, (i) =>
      el("div", { class: "box" },
        el("p", null, `给「${i.name}」的平台捣乱：`, i.all.find((m) => m.id === i.now)?.hint ?? ""),
        el("div", null, i.all.map((m) => el(m.id === "none" ? "button.calm" : "button", {
          type: "button", "aria-pressed": String(m.id === i.now), "data-mischief": m.id, title: m.hint,
          onclick: () => this.app.post("mischief", { shop: i.id, kind: m.id }),
        }, m.name)))));
  }

  #log() {
    const { wire } = this.app.state;
    if (!wire.length) {
      byId("log").replaceChildren(el("li.none", null, "还没有往来。发一条消息试试。"));
      return;
    }
    byId("log").querySelector(".none")?.remove();
    keyed(byId("log"), [...wire].reverse(), (w) => w.id, (w) => {
      const kind = [w.leg === "platform" && "platform", w.bad && "bad"].filter(Boolean).join(" ");
      return el("li", { "data-leg": w.leg },
        el("details", { class: kind, open: this.opened.has(w.id), ontoggle: (e) => this.opened[e.target.open ? "add" : "delete"](w.id) },
          el("summary", null,
            el("span.way", null, `${seconds(w.at)} ${w.from} → ${w.to}`),
            el("span.sum", null, w.summary),
            el("span.res", null, el("b", null, w.result), w.ms === undefined ? "" : `${w.ms} ms`)),
          w.parts.map((p) => el("div.part", null, el("h3", null, p.name), el("pre", null, p.text)))));
    });
  }
}
