// How one message looks: who says it, its text, the sources it rests on, what the customer thinks of it.

import { button, grow, h, icon, link, safeUrl } from "./dom.js";

export const KINDS = { customer: "me", person: "hu", system: "sys" }; // all else is the assistant
const REASONS = ["wrong", "unhelpful", "rude", "other"];

const clock = (at, { clock: locale }) => {
  const time = new Date(at);
  if (!at || isNaN(time)) return null;
  const day = time.toDateString() !== new Date().toDateString() && { day: "numeric", month: "short" };
  return h("time", { datetime: at }, time.toLocaleString(locale, { hour: "numeric", minute: "2-digit", ...day }));
};

/** What a source says, below the message; a second press closes it. `slot` is where, `opener` what was pressed. */
const toggleCard = ({ say }, slot, { n, title, quote, tree, url }, opener) => {
  const openers = slot.parentNode.querySelectorAll(`[data-n]`);
  const mark = (open) => openers.forEach((one) => (one.ariaExpanded = open && one.dataset.n === String(n)));
  const close = () => {
    mark(false);
    slot.replaceChildren();
    opener.focus();
  };
  if (opener.ariaExpanded === "true") return close();
  mark(true);
  const heading = h("h3", { tabindex: -1, "aria-label": `${say("source", { n })}: ${title}` }, title);
  const href = safeUrl(url);
  slot.replaceChildren(h("div.card", { dir: "auto" },
    heading,
    quote && h("blockquote", { tabindex: 0 }, Array.isArray(tree) ? grow(tree) : quote),
    href && link(href, say("article"), icon("out", "out"), h("span.sr", null, say("new_tab"))),
    button("icon", close, { "aria-label": say("close") }, icon("close"))));
  heading.focus({ preventScroll: true });
  slot.scrollIntoView({ block: "nearest" });
};

const thumbs = ({ say }, { id, feedback }, rate) => {
  const thumb = (value) => button("icon", () => rate(id, value), { "data-rate": value, "aria-label": say(value), "aria-pressed": feedback === value },
    icon("up", value === "down" && "flip"));
  const reason = (reason) => button("chip", () => rate(id, "down", reason), { "data-why": reason, "aria-pressed": false }, say(reason));
  return h("div.acts", null, thumb("up"), thumb("down"),
    h("div.why", { role: "group", "aria-label": say("why"), hidden: true }, say("why"), h("div.picks", null, REASONS.map(reason))));
};

/** Shows a rating in a message's node; reasons are asked for where `isAsking`. */
export const showRating = (node, value, reason, isAsking) => {
  node.querySelectorAll("[data-rate]").forEach((one) => (one.ariaPressed = one.dataset.rate === value));
  node.querySelectorAll("[data-why]").forEach((one) => (one.ariaPressed = one.dataset.why === reason));
  const why = node.querySelector(".why");
  why.hidden = value !== "down" || !isAsking;
  if (isAsking) why.scrollIntoView({ block: "nearest" });
};

/**
 * A message's node. `state` is for one that is not sent yet: "waiting", "sending" or "failed". `acts`: rate(id, value, reason)
 * and edit(message). `isLive`: it still grows, and is read out only when it is whole.
 */
export const bubble = (words, message, acts, state, isLive) => {
  const { id, role, text, tree, at, lang, name, citations } = message, { say } = words;
  const kind = KINDS[role] || "ai", isAi = kind === "ai";
  const cites = isAi && Array.isArray(citations) ? citations : [], slot = h("div.slot");
  const opener = (css, cite, ...children) => button(css, ({ currentTarget }) => toggleCard(words, slot, cite, currentTarget),
    { "data-n": cite.n, "aria-expanded": false, "aria-label": `${say("source", cite)}: ${cite.title}` }, ...children);
  const mark = (n) => {
    const cite = cites.find((one) => one.n === n);
    return isLive ? h("span.cite", null, n) : cite && opener("cite", cite, n);
  };
  const who = {
    me: h("span.sr", null, say("you")),
    ai: [icon("spark"), h("b", null, say("ai"))],
    hu: [icon("person"), h("b", { dir: "auto" }, name || say("person")), name && h("span.tag", null, say("person"))],
  }[kind];
  const by = who && h(state === "failed" ? "div.by bad" : "div.by", null, who, state ? say(state) : clock(at, words),
    state === "failed" && button("", () => acts.edit(message), null, say("edit")));
  const body = h("div.bubble", { dir: "auto", lang: /^[\w-]+$/.test(lang) && lang, "aria-busy": isLive },
    kind !== "me" && Array.isArray(tree) ? grow(tree, isAi && mark) : text);
  // What the customer has written is not read out again.
  return h(`div.msg ${kind} ${state ? "wait" : ""}`, { "aria-live": kind === "me" ? "off" : null },
    kind === "me" ? [body, by] : [by, body],
    cites.length > 0 && [h("div.picks", { role: "group", "aria-label": say("sources") },
      // Passages of one article stand side by side: its title is read once.
      cites.map((cite, i) => opener("chip", cite, h("b", null, cite.n), cite.title !== cites[i - 1]?.title && h("bdi", null, cite.title)))), slot],
    isAi && id && thumbs(words, message, acts.rate));
};
