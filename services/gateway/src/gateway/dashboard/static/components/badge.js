// A state as a word in a colour; the word alone tells it too.

import { h } from "../dom.js";
import { words } from "../format.js";

const TONES = {
  healthy: "good",
  in_step: "good",
  recorded: "good",
  written: "good",
  confirmed: "good",
  managed: "good",
  bundle: "good",
  already: "good",
  connected: "good",
  throttled: "warn",
  paused: "warn",
  never: "warn",
  pending: "warn",
  waiting: "warn",
  not_in_prokip: "warn",
  due: "warn",
  posting: "warn",
  conflict: "warn",
  unmatched: "warn",
  in_doubt: "warn",
  applied: "good",
  released: "good",
  held: "bad",
  passed: "good",
  ready: "warn",
  running: "warn",
  reading: "warn",
  undoing: "warn",
  stopped: "warn",
  done: "good",
  kept: "warn",
  planned: "",
  undone: "warn",
  return_unsupported: "warn",
  failing: "bad",
  needs_reauthorisation: "bad",
  refused: "bad",
  oversold: "bad",
  failed: "bad",
  disconnected: "bad",
};

const WORDS = { none: "not due" };

export const badge = (state, text = WORDS[state] ?? words(state)) =>
  h.span({ class: `badge ${TONES[state] ?? ""}` }, text);

/** A state and, below it, why it is so. */
export const explained = (state, detail) => [badge(state), reason(detail)];

export const reason = (detail) => detail && h.span({ class: "reason" }, detail);
