// "Talk to a person": a form that says what happens, with an e-mail address if the customer likes to leave one.

import { button, h } from "./dom.js";

const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@.]+$/;

/** `isAsked`: a person was asked for already, and needs the address. `note`: what the site says of it, such as its hours, or null. onAsk(email), onCancel(). */
export const askForm = ({ say }, isAsked, note, onAsk, onCancel) => {
  const email = h("input", { type: "email", id: "email", autocomplete: "email", maxlength: 254, dir: "ltr", "aria-describedby": "hint" });
  const hint = h("p.hint", { id: "hint" }, say("email_hint"));
  const submit = (event) => {
    event.preventDefault();
    const address = email.value.trim(), isBad = (isAsked || address) && !EMAIL.test(address);
    email.ariaInvalid = !!isBad;
    hint.textContent = say(isBad ? "email_bad" : "email_hint");
    isBad ? email.focus() : onAsk(address);
  };
  return h("form.ask", { novalidate: true, "aria-labelledby": "ask", onsubmit: submit },
    h("div", null, h("h3", { id: "ask", tabindex: -1 }, say(isAsked ? "requested" : "handoff")), !isAsked && h("p", null, say("handoff_text")), note && h("p", { dir: "auto" }, note)),
    h("div", null, h("label", { for: "email" }, say(isAsked ? "leave" : "email")), email, hint),
    h("div.row", null, h("button.main", null, say(isAsked ? "send" : "ask")), button("less", onCancel, null, say("cancel"))));
};
