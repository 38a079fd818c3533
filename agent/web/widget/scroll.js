// The conversation's window: at its end while the customer is there; a long answer is shown from its beginning.

import { h } from "./dom.js";

/** `jump` is there while something new stands out of sight. */
export const makeScroll = (label, jump, ...parts) => {
  let isAtEnd = true, height = 0; // as it was when the customer was last seen there
  const node = h("div.scroll", { tabindex: 0, role: "region", "aria-label": label, onscroll: () => look() }, parts);
  const look = () => {
    isAtEnd = node.scrollHeight - node.scrollTop - height < 80;
    if (isAtEnd) jump.hidden = true;
  };
  const toEnd = () => {
    node.scrollTop = node.scrollHeight;
    look();
  };
  /** To the end, if the customer was there. */
  const stay = () => isAtEnd && toEnd();
  new ResizeObserver(() => {
    height = node.clientHeight;
    stay();
  }).observe(node); // what stands below has grown or shrunk
  return {
    node,
    toEnd,
    stay,
    /** True if the customer was at the end, and so sees the message from its beginning; no further than to the end. */
    follow(message) {
      if (!isAtEnd) return false;
      node.scrollTop += message.getBoundingClientRect().top - node.getBoundingClientRect().top - 12;
      look();
      return true;
    },
  };
};
