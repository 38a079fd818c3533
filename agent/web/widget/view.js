// The launcher and the panel: what the customer sees of a conversation, and does with it.

import { askForm } from "./ask.js";
import { bubble, KINDS, showRating } from "./bubble.js";
import { makeCompose } from "./compose.js";
import { button, h, icon, link, safeUrl } from "./dom.js";
import { makeGrowing } from "./growing.js";
import { makeScreen } from "./screen.js";
import { makeScroll } from "./scroll.js";
import { makeTalk } from "./talk.js";
import { thisTab } from "./wire.js";
import { makeWork } from "./work.js";

const HANDOFF = "__handoff__";
const FRESH_MS = 60e3;

/** Fills `host`'s shadow root. `fire(name, detail)` tells the page. */
export const makeView = (host, { base, site, words, fire, identity }) => {
  const { say, lang } = words;
  const messages = new Map(), pending = new Map(); // by id, by key: {message, node}, node
  let past = [], state = {}, isOpen = false, hasLeft = false;

  // ---- The parts

  const face = h("span"), badge = h("span.badge", { "aria-hidden": true, hidden: true });
  const launcher = button("launcher at", () => (isOpen ? close() : open()), { "aria-controls": "panel" }, face, badge);
  const { text, box, write, typed } = makeCompose(words, {
    onSend: post,
    onDraft: (draft) => remember({ draft }),
    onTooLong: () => tell("failed"),
  });
  const mark = h("span.mark"), title = h("bdi"), under = h("p"), heading = h("h2", { id: "title", tabindex: -1 }, title);
  const about = h("div.about"), start = h("div.start");
  const log = h("div.log", { role: "log", "aria-live": "polite", "aria-relevant": "additions" });
  const growing = makeGrowing(() => draw({ role: "assistant", tree: [] }, null, true));
  const quick = h("div.quick picks", { role: "group", "aria-label": say("replies"), hidden: true });
  const region = (role, css = "") => h(`div.${css}`, { role });
  const trouble = region("status"), alert = region("alert"), strip = region("status"), said = region("status", "sr"), news = region("status", "sr");
  /** Where nothing is done any more, an answer that has begun won't end. */
  const { node: work, progress } = makeWork(words, said, (isBusy) => {
    if (!isBusy) growing.drop();
    refresh();
    if (isBusy) stay();
  });
  const jump = button("jump", () => (toEnd(), settle()), { hidden: true }, icon("down"), say("newest"));
  const { node: scroll, toEnd, stay, follow } = makeScroll(say("log"), jump, about, start, log, growing.place, work, quick);
  const person = button("", () => ask(), null, icon("person"), say("handoff")), privacy = h("span");
  const links = h("div.links", null, person, privacy), form = h("div");
  const panel = h("section.panel at", { id: "panel", role: "dialog", "aria-labelledby": "title", hidden: true },
    h("header", { role: "none" }, mark, h("div", null, heading, under), button("icon", () => close(), { "aria-label": say("close") }, icon("close"))),
    scroll,
    h("div.foot", null, jump, trouble, alert, strip, form, box, links));
  const stop = (event) => event.stopPropagation(); // the page's own shortcuts don't hear what is typed here
  const root = h("div.root", { lang, dir: lang === "ar" ? "rtl" : "ltr", onkeydown: (event) => pressed(event), onkeyup: stop, onkeypress: stop },
    panel, launcher, said, news);
  host.shadowRoot.replaceChildren(root);

  const note = (css, glyph, ...children) => h(`div.note ${css}`, null, icon(glyph), h("div", { dir: "auto" }, ...children));
  /** Puts nodes where they are not yet, so that nothing is read out twice. */
  const fill = (place, ...given) => {
    const nodes = given.filter(Boolean), told = nodes.map((node) => node.textContent).join("");
    if (place.textContent !== told) place.replaceChildren(...nodes);
  };

  // ---- What the conversation tells (see talk.js)

  const talk = makeTalk({ base, site, lang }, {
    info: welcome,
    shared() {
      talk.queue().forEach((item) => queued(item, "waiting"));
      unread();
    },
    left(isFollowed) {
      const old = [...log.children].filter(({ dataset: { how } }) => !how || how === "sent");
      old.forEach((node) => node.querySelector(".acts")?.remove());
      past = isFollowed && old.length ? [...old, draw({ role: "system", text: say("expired") })] : [];
      form.replaceChildren();
      hasLeft = false;
      pending.clear();
      history([], {});
    },
    history,
    queued,
    message(message) {
      const { id, role, client_id } = message, isRead = growing.now?.id === id && growing.now.isRead;
      const isKnown = messages.has(id) || pending.has(client_id);
      put(message);
      if (role !== "customer") progress();
      refresh();
      if (isKnown) return;
      fire("message", { id, role });
      if (!follow(messages.get(id).node) && role !== "customer" && !isRead) jump.hidden = false;
    },
    delta(piece) {
      const grown = !messages.has(piece.id) && growing.add(piece);
      if (!grown) return;
      refresh();
      if (follow(grown.node)) grown.isRead = true;
    },
    progress,
    state: become,
    rated,
    trouble: hinder,
    alert: tell,
  });

  function history(list, now) {
    log.ariaLive = "off"; // a long history is not read out
    messages.clear(), growing.drop();
    log.replaceChildren(...past, ...pending.values()); // what was sent may be newer than the history
    list.forEach(put);
    talk.queue().forEach((item) => queued(item, "waiting"));
    become(now);
    const newest = list.at(-1);
    progress(newest?.role === "customer" && !now.person && Date.now() - Date.parse(newest.at) < FRESH_MS && "received");
    stay();
    setTimeout(() => (log.ariaLive = "polite"), 500);
  }
  function queued(item, how) {
    const old = pending.get(item.key);
    if (old?.dataset.how === how) return;
    const node = draw({ ...item, role: "customer" }, how !== "sent" && how);
    node.dataset.how = how;
    old ? old.replaceWith(node) : log.append(node);
    pending.set(item.key, node);
    if (how === "failed") said.textContent = say(how);
    refresh();
  }
  const draw = (message, how, isLive) => bubble(words, message, { rate, edit }, how, isLive);
  const edit = (message) => {
    pending.get(message.key).remove();
    pending.delete(message.key);
    said.textContent = "";
    write(message.text);
    text.focus();
  };
  /** A message in its place: where its former self is, or as the newest before what the stream has not told of yet. */
  function put(message) {
    const known = messages.get(message.id);
    pending.get(message.client_id)?.remove();
    pending.delete(message.client_id);
    if (JSON.stringify(known?.message) === JSON.stringify(message)) return;
    const node = draw(message);
    known ? known.node.replaceWith(node) : log.insertBefore(node, pending.values().next().value || null);
    messages.set(message.id, { message, node });
  }
  function become(now, isNews) {
    const isNew = isNews && now.person && now.person !== state.person;
    state = now;
    if (isNew) fire("handoff", { person: now.person });
    const { closed, note: words, person_name: name } = now;
    if (isNews && (now.person || closed)) progress();
    const head = closed ? say("closed") : now.person === "joined" ? say("joined", { name: name || say("person") }) : now.person && say("requested");
    const more = closed ? ["again", () => (talk.again(), settle())] : now.person === "requested" && !hasLeft && ["leave", ask];
    fill(strip, head && note("", "person", h("b", null, head), words, more && [" ", button("", more[1], null, say(more[0]))]));
    const focused = host.shadowRoot.activeElement;
    if (isNew || closed || now.person === "joined") form.replaceChildren();
    refresh();
    if (focused && !focused.getClientRects().length) settle(); // what it was in is gone
  }
  /** What hinders the chat now; nothing but what the browser itself knows where there is no `key`. */
  function hinder(key, values) {
    if (!navigator.onLine && (!key || key === "lost")) key = "offline";
    const isFinal = ["refused", "identity", "error"].includes(key);
    fill(trouble, key && note(isFinal && "bad", "alert", say(key, values), isFinal && " ", isFinal && button("", () => (talk.retry(), settle()), null, say("retry"))));
  }

  function tell(key) {
    alert.replaceChildren(note("bad", "alert", say(key)));
  }

  // ---- What the customer does

  /** Focus where one goes on; on a touch screen the keyboard would cover the conversation. */
  function settle() {
    (box.hidden ? (state.closed && strip.querySelector("button")) || heading : matchMedia("(pointer:coarse)").matches ? heading : text).focus();
  }
  function open() {
    if (isOpen) return;
    isOpen = true;
    show(), typed();
    if (navigator.userActivation?.isActive !== false) settle(); // only after what the customer did
    fire("open");
    toEnd();
    talk.open(true);
  }
  function close() {
    if (!isOpen) return;
    const hadFocus = host.shadowRoot.activeElement;
    isOpen = false;
    show();
    if (hadFocus) launcher.focus();
    fire("close");
    talk.open(false);
  }
  const isAllowed = () => !state.person && !state.closed;
  function ask() {
    if (state.closed || state.person === "joined") return;
    const done = () => {
      form.replaceChildren();
      refresh();
      (person.hidden ? text : person).focus();
    };
    form.replaceChildren(askForm(words, state.person, !state.person && talk.info.person?.note, async (email) => {
      alert.replaceChildren();
      if (!(await talk.handoff(email))) return;
      hasLeft ||= !!email;
      become({ ...state, person: state.person || "requested" }, true);
      done();
    }, done));
    refresh();
    form.querySelector("h3").focus();
  }
  async function rate(id, value, reason) {
    const was = messages.get(id).message.feedback;
    alert.replaceChildren();
    rated(id, value, reason, true);
    if (!(await talk.rate(id, value, reason))) rated(id, was);
    else if (value === "up" || reason) said.textContent = say("thanks");
  }
  function rated(id, value, reason, isMine) {
    const known = messages.get(id);
    if (!known || (!isMine && known.message.feedback === value)) return;
    known.message.feedback = value;
    showRating(known.node, value, reason, isMine);
  }
  function post(value) {
    alert.replaceChildren();
    talk.send(value);
    toEnd();
  }
  function pressed(event) {
    stop(event);
    if (event.key === "Escape" && !event.isComposing && isOpen) {
      event.preventDefault();
      const inner = host.shadowRoot.activeElement?.closest(".card,.ask");
      inner ? inner.querySelector(".icon,.less").click() : close();
    } else if (event.key === "Tab") screen.trap(event, host.shadowRoot.activeElement);
  }

  // ---- What follows from it all

  const screen = makeScreen(host, panel, () => isOpen);
  const remember = (what) => thisTab.set(talk.key, { ...thisTab.get(talk.key), ...what });
  function show() {
    panel.hidden = !isOpen;
    root.classList.toggle("on", isOpen);
    launcher.ariaExpanded = isOpen;
    face.replaceChildren(icon(isOpen ? "down" : "chat"));
    remember({ open: isOpen });
    screen.fit();
    unread();
  }
  function refresh() {
    welcome();
    const newest = [...messages.values()].at(-1)?.message, isBusy = pending.size || growing.now || !work.hidden || !isAllowed();
    const replies = (newest && KINDS[newest.role] !== "me" && !isBusy && newest.quick_replies) || [];
    quick.hidden = !replies.length;
    quick.replaceChildren(...picks(replies));
    person.hidden = !isAllowed();
    box.hidden = state.closed || form.firstChild;
    links.hidden = form.firstChild;
    unread();
  }
  const picks = (list) => list.map(({ label, value }) => button("pick", () => {
    if (value === HANDOFF) return ask();
    settle();
    post(value);
  }, null, h("bdi", null, label || (value === HANDOFF ? say("handoff") : value))));
  /** The site's words: its name, the disclosure, and before the first message the greeting. */
  function welcome() {
    const { name, disclosure, greeting, suggestions = [], privacy_url } = talk.info, url = safeUrl(privacy_url);
    const human = state.person === "joined" && (state.person_name ? `${state.person_name} · ` : "") + say("person");
    title.textContent = name || say("title");
    under.textContent = human || say("ai");
    mark.replaceChildren(icon(human ? "person" : "spark"));
    fill(about, icon("spark"), h("p", { dir: "auto" }, disclosure || say("disclosure")));
    fill(privacy, url && link(url, say("privacy")));
    start.hidden = log.firstChild;
    const group = h("div.picks", { role: "group", "aria-label": say("replies") }, picks(suggestions.map((value) => ({ value }))));
    fill(start, h("h3", { dir: "auto" }, greeting || say("hello")), group);
  }
  /** What came since the customer last looked; all tabs know when that was. */
  function unread() {
    const ids = [...messages.values()].flatMap(({ message: { id, role } }) => (KINDS[role] === "me" ? [] : id)), newest = ids.at(-1);
    if (isOpen && !document.hidden && newest && talk.seen() !== newest) talk.see(newest);
    const n = isOpen ? 0 : ids.length - 1 - ids.indexOf(talk.seen()), told = n ? say("unread", { n }) : "";
    badge.hidden = !n;
    badge.textContent = n;
    launcher.ariaLabel = isOpen ? say("close") : say("open") + (told && `. ${told}`);
    if (news.textContent !== told) news.textContent = told;
  }

  const was = thisTab.get(talk.key) || {};
  talk.queue().forEach((item) => queued(item, "waiting"));
  write(was.draft || ""), hinder(), show(), refresh();
  if (identity) talk.identify(identity);
  // Opened by the page itself: never over a phone's whole screen, and without taking the focus.
  if ((host.hasAttribute("open") || was.open) && !screen.isSmall()) open();
  talk.go();

  return {
    open,
    close,
    identify: talk.identify,
    reset() {
      write(""), talk.reset();
    },
    remove() {
      talk.close(), screen.close();
    },
  };
};
