// What the turn really does now.

import { h } from "./dom.js";

const STAGES = ["received", "searching", "writing", "checking"];
const QUIET_MS = 2e3; // a stage that is over sooner is not read out
const LOST_MS = 180e3; // whoever told of a stage this long ago has died

/** `said` is read out. onChange(isBusy). */
export const makeWork = ({ say }, said, onChange) => {
  const stage = h("span"), node = h("div.work", { "aria-hidden": true, hidden: true }, h("span.dots", null, h("i"), h("i"), h("i")), stage);
  let sayTimer, lostTimer;
  const progress = (name) => {
    const told = STAGES.includes(name) ? say(name) : "";
    clearTimeout(sayTimer), clearTimeout(lostTimer);
    node.hidden = !told;
    stage.textContent = told;
    if (told) {
      sayTimer = setTimeout(() => (said.textContent = told), QUIET_MS);
      lostTimer = setTimeout(progress, LOST_MS);
    }
    onChange(told);
  };
  return { node, progress };
};
