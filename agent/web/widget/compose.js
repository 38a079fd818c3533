// Where the customer writes.

import { button, h, icon } from "./dom.js";

const LONGEST = 4000; // characters of a message

/** onSend(text), onDraft(text); onTooLong() instead of sending what the server would refuse. */
export const makeCompose = ({ say }, { onSend, onDraft, onTooLong }) => {
  const text = h("textarea", { id: "text", enterkeyhint: "send", oninput: () => typed(), onkeydown: (event) => typing(event) });
  const count = h("span"), send = button("send", () => submit(), { "aria-label": say("send") }, icon("send"));
  const typed = () => {
    const { length } = text.value;
    send.ariaDisabled = !text.value.trim() || length > LONGEST;
    text.dir = length ? "auto" : ""; // empty, it begins where the language does
    count.textContent = length > 0.8 * LONGEST ? ` ${length}/${LONGEST}` : "";
    for (text.rows = 1; text.rows < 6 && text.scrollHeight > text.clientHeight + 2; ) text.rows++;
    onDraft(text.value);
  };
  const write = (value) => {
    text.value = value;
    typed();
  };
  const submit = () => {
    const value = text.value.trim();
    text.focus();
    if (value.length > LONGEST) return onTooLong(); // and nothing of it is lost
    write("");
    if (value) onSend(value);
  };
  const typing = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return; // 229: Safari's last Enter of an IME
    event.preventDefault();
    submit();
  };
  return { text, write, typed, box: h("div.box", null, h("div.in", null, h("label", { for: "text" }, say("message"), count), text), send) };
};
