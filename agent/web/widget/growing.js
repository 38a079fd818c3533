// The answer that still grows: verified sentences as they come, outside the log, which reads out the whole once.

import { grow, h } from "./dom.js";

const isBlock = (part) => /^(PRE|BLOCKQUOTE|UL|OL|DIV)$/.test(part.tagName);

/** Puts one more sentence, or one more block, at the end of a message. Sentences run on as one paragraph. */
const extend = (node, tree) => {
  const body = node.querySelector(".bubble");
  for (const part of grow(tree, (n) => h("span.cite", null, n))) {
    const end = body.lastElementChild;
    if (isBlock(part)) body.append(part);
    else {
      const inner = part.tagName === "P" ? part.childNodes : [part];
      end?.tagName === "P" ? end.append(" ", ...inner) : body.append(h("p", null, ...inner));
    }
  }
};

/** `draw()` gives the empty message. */
export const makeGrowing = (draw) => {
  const place = h("div.log");
  let now; // {id, next: the seq to come, node}; one at a time, and a newer one ends it
  return {
    place,
    get now() {
      return now;
    },
    /** The message with one more piece; nothing if that was told before, or comes after one that was missed: the whole comes soon. */
    add({ id, seq, tree }) {
      if (seq === 0 && now?.id !== id) place.replaceChildren((now = { id, next: 0, node: draw() }).node);
      if (!now || now.id !== id || now.next !== seq) return null;
      now.next++;
      extend(now.node, tree);
      return now;
    },
    drop() {
      now = null;
      place.replaceChildren();
    },
  };
};
