// Building blocks: every text goes through a text node, so that nothing said in
// a chat can become markup.

// el makes an element: el("p.lead", {title: "…"}, "text", child, …).
export function el(what, props, ...children) {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false && c !== ""));
  return node;
}

export const byId = (id) => document.getElementById(id);

// svg makes a small line drawing from path data.
export function svg(path) {
  const ns = "http://www.w3.org/2000/svg";
  const node = document.createElementNS(ns, "svg");
  node.setAttribute("viewBox", "0 0 24 24");
  node.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(ns, "path");
  line.setAttribute("d", path);
  node.append(line);
  return node;
}

// keyed makes parent's children those of items, reusing the node of an item
// whose content did not change. make(item, old) builds a node.
export function keyed(parent, items, key, make) {
  const old = new Map([...parent.children].map((n) => [n.dataset.key, n]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const k = String(key(item));
    const content = JSON.stringify(item);
    let node = old.get(k);
    old.delete(k);
    if (!node || node.dataset.content !== content) {
      const fresh = make(item, node);
      fresh.dataset.key = k;
      fresh.dataset.content = content;
      if (node) {
        if (node === place) place = fresh;
        node.replaceWith(fresh);
      }
      node = fresh;
    }
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
  for (const node of old.values()) node.remove();
}

// Beijing is the clock of the shops, wherever the browser is.
const clock = new Intl.DateTimeFormat("zh-CN", {
  timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
export const seconds = (ms) => clock.format(ms);
export const minutes = (ms) => clock.format(ms).slice(0, 5);

// face draws an avatar.
export function face(who, index) {
  if (who.bot) return el("span.face", { "aria-hidden": "true" }, el("img", { src: "icon.svg", alt: "" }));
  return el(`span.face.c${index % 4}`, { "aria-hidden": "true" }, [...who.name].slice(-1)[0] ?? "");
}

let toastTimer;
export function toast(text) {
  const t = byId("toast");
  t.textContent = text;
  t.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (t.hidden = true), 2600);
}
