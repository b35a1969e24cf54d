// The part of WeCom's markdown that the bot uses, drawn as nodes. What is not
// understood stays text.
import { el } from "./dom.js";

const inlineForms = [
  [/\*\*([^*\n]+)\*\*/, (m, names) => el("strong", null, inline(m[1], names))],
  [/`([^`\n]+)`/, (m) => el("code", null, m[1])],
  [/\[([^\]\n]+)\]\((https?:\/\/[^\s)]+)\)/, (m) => el("a", { href: m[2], target: "_blank", rel: "noopener noreferrer" }, m[1])],
  [/<font color="(info|comment|warning)">([^<\n]*)<\/font>/, (m, names) => el(`span.${m[1]}`, null, inline(m[2], names))],
  [/<@([^<>\s]+)>/, (m, names) => el("span.at", null, "@" + (names?.(m[1]) ?? m[1]))],
];

function inline(text, names) {
  const out = [];
  while (text) {
    let best = null;
    for (const [form, make] of inlineForms) {
      const m = form.exec(text);
      if (m && (!best || m.index < best.m.index)) best = { m, make };
    }
    if (!best) break;
    if (best.m.index) out.push(text.slice(0, best.m.index));
    out.push(best.make(best.m, names));
    text = text.slice(best.m.index + best.m[0].length);
  }
  if (text) out.push(text);
  return out;
}

const bullet = /^\s*[-*•]\s+(.*)$/;
const numbered = /^\s*\d+[.、]\s+(.*)$/;
const heading = /^#{1,6}\s+(.*)$/;
const quote = /^>\s?(.*)$/;

// markdown draws text as a list of nodes; names turns a userid into a name.
export function markdown(text, names) {
  const blocks = [];
  let last = null; // the paragraph, list or quote that a next line may join
  for (const line of text.replace(/\r\n?/g, "\n").split("\n")) {
    let m;
    if (!line.trim()) {
      last = null;
    } else if ((m = heading.exec(line))) {
      blocks.push(el("h4", null, inline(m[1], names)));
      last = null;
    } else if ((m = bullet.exec(line)) || (m = numbered.exec(line))) {
      const tag = bullet.test(line) ? "ul" : "ol";
      if (last?.localName !== tag) blocks.push((last = el(tag)));
      if (tag === "ol" && !last.childElementCount) last.setAttribute("start", parseInt(line, 10) || 1);
      last.append(el("li", null, inline(m[1], names)));
    } else {
      m = quote.exec(line);
      const tag = m ? "blockquote" : "p";
      if (last?.localName !== tag) blocks.push((last = el(tag)));
      else last.append(el("br"));
      last.append(...inline(m ? m[1] : line, names));
    }
  }
  return blocks;
}
