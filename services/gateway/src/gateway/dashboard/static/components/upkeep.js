// How a store is looked after beside the pushes: sweeps, webhooks, levels, and what it can bear.

import { get } from "../api.js";
import { h } from "../dom.js";
import { count, quantity } from "../format.js";
import { reason } from "./badge.js";
import { time } from "./times.js";
import { answered } from "./webhook-meter.js";

/** Resolves to the section of one store; a store that was connected a moment ago is not looked after yet. */
export async function upkeep({ id }, signal) {
  const state = await known(answered(get(`/api/v1/connections/${id}/upkeep`, { signal })));
  return h.section(
    { class: "stack", "aria-labelledby": "upkeep" },
    h.h2({ id: "upkeep" }, "Looked after"),
    state === null ? h.p({ class: "muted" }, "Nothing is known of this right now.") : h.dl({ class: "facts" }, lines(state)),
  );
}

async function known(asked) {
  try {
    return await asked;
  } catch (error) {
    if (error.status !== 404) throw error;
    return null;
  }
}

function lines({ sweeps, webhooks, levels, catalogue, budget }) {
  return [
    sweeps && line("Orders swept", time(sweeps.completeAt), next(sweeps), sweepWords(sweeps), reason(sweeps.error)),
    webhooks && line("Webhooks checked", time(webhooks.checkedAt), next(webhooks), restored(webhooks), reason(webhooks.error)),
    levels && line("Levels looked at", time(levels.lookedAt), next(levels), looked(levels), reason(levels.error)),
    catalogue && line("Catalogue read", time(catalogue.readAt), next(catalogue), reason(catalogue.error)),
    line("Budget", budgetWords(budget), budget.heldUntil && [" · left alone until ", time(budget.heldUntil)]),
  ];
}

const line = (label, ...content) => h.div(h.dt(label), h.dd(content));

const next = ({ nextAt }) => nextAt && [" · next ", time(nextAt)];

const sweepWords = ({ behindS, orders, unreadable, unfinished }) =>
  [
    ` · ${count(orders, "order")}, behind by ${quantity(Math.round(behindS))} s`,
    unreadable > 0 && ` · ${unreadable} unreadable`,
    unfinished && " · going on",
  ].filter(Boolean);

const restored = ({ restoredAt, restoredTopics }) =>
  restoredAt && [" · made anew ", time(restoredAt), `: ${restoredTopics.join(", ")}`];

const looked = ({ listings, differing }) => ` · ${count(listings, "listing")}, ${quantity(differing)} unexpected`;

const budgetWords = ({ kind, pointsAvailable, pointsMaximum, answerS }) => {
  if (kind === "points") return `${quantity(Math.floor(pointsAvailable))} of ${quantity(pointsMaximum)} query points`;
  return answerS === null ? "not measured yet" : `answers in ${quantity(Math.max(1, Math.round(answerS * 1000)))} ms`;
};
