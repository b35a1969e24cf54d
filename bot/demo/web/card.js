// A WeCom template card, drawn from what the fake WeCom keeps of it.
import { el, svg } from "./dom.js";

const arrow = "m9 5 7 7-7 7";
const safe = (url) => (/^https?:\/\//.test(url ?? "") ? url : null);

// drawCard draws card; press(key, button) is called for a button, ask(text) for
// a line that puts a question to the robot.
export function drawCard(card, { press, ask, names, fresh }) {
  const top = [];
  if (card.source) {
    top.push(el(`div.source.k${card.source_color}`, null, el("img", { src: "icon.svg", alt: "" }), card.source, safe(card.url) && svg(arrow)));
  }
  if (card.title) top.push(el("div.head", null, card.title));
  if (card.desc) top.push(el("div.desc", null, card.desc));
  const inside = safe(card.url)
    ? [el("a.top", { href: card.url, target: "_blank", rel: "noopener noreferrer", title: "查看详情" }, top)]
    : [el("div.top", null, top)];
  const big = card.emphasis;
  if (big) inside.push(el("div.big", null, big.title && el("b", null, big.title), big.desc && el("span", null, big.desc)));
  const quote = card.quote;
  if (quote) inside.push(el("div.quote", null, quote.title && el("b", null, quote.title), quote.text));
  if (card.sub_title_text) inside.push(el("div.sub", null, card.sub_title_text));
  if (card.fields?.length) {
    inside.push(el("dl.rows", null, card.fields.flatMap((f) => [
      el("dt", { title: f.key }, f.key),
      el(f.type ? "dd.link" : "dd", null, f.value || (f.userid && names(f.userid)) || ""),
    ])));
  }
  for (const v of card.verticals ?? []) {
    inside.push(el("div", null, el("div", null, v.title), v.desc && el("div.desc", null, v.desc)));
  }
  const keys = card.buttons ?? [];
  if (card.dead) {
    inside.push(el("div.keys", null, el("button", { type: "button", disabled: true }, card.replace_text || keys[0]?.text || "已处理")));
  } else if (keys.length) {
    const row = keys.length === 2 && keys.every((k) => [...k.text].length <= 6);
    inside.push(el(row ? "div.keys.row" : "div.keys", null, keys.map((k) => drawButton(k, press))));
  }
  const lines = (card.jumps ?? []).map((j) => (j.type === 3
    ? el("button.go", { type: "button", onclick: () => ask(j.question) }, j.title, svg(arrow))
    : link(j.title, j.url)));
  return el(fresh ? "div.card.new" : "div.card", { "data-task": card.task_id, "data-type": card.card_type },
    el("div.in", null, inside), lines);
}

function drawButton(k, press) {
  return el(`button.s${k.style || 1}`, {
    type: "button", "data-event": k.key,
    onclick: (e) => (k.type === 1 ? safe(k.url) && window.open(k.url, "_blank", "noopener") : press(k.key, e.currentTarget)),
  }, k.text);
}

const link = (text, url) => el("a.go", { href: safe(url), target: "_blank", rel: "noopener noreferrer" }, text, svg(arrow));

// undoUntil finds "可撤销至 14:12:09" on a card and returns that moment (ms), as
// the next such time of day in Beijing after the card came; 0: not on it.
export function undoUntil(card, at) {
  const rows = (card.fields ?? []).map((f) => `${f.key} ${f.value ?? ""}`);
  const said = [card.title, card.desc, card.sub_title_text, card.quote?.text, ...rows];
  const m = /可撤销至\s*(\d\d):(\d\d):(\d\d)/.exec(said.filter(Boolean).join("\n"));
  if (!m) return 0;
  const day = 86400e3, beijing = 8 * 3600e3;
  const midnight = Math.floor((at + beijing) / day) * day - beijing;
  let until = midnight + ((+m[1] * 60 + +m[2]) * 60 + +m[3]) * 1000;
  if (until < at - day / 2) until += day;
  return until;
}
