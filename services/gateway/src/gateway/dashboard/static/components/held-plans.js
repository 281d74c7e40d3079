// Stores that are not written to until somebody has looked at what they are to show first.

import { get } from "../api.js";
import { h } from "../dom.js";
import { notice } from "./notices.js";

/** A notice for each; none where the service that knows does not answer. */
export async function heldPlans(signal) {
  try {
    const { items } = await get("/api/v1/connections/first-quantities", { signal });
    return items.map(heldPlan);
  } catch (error) {
    if (error.status === undefined || error.status < 500) throw error;
    return [];
  }
}

export function heldPlan({ connectionId, state, reason }) {
  const words = state === "refused" ? "Somebody refused its first quantities. " : `Nothing is written yet. ${reason} `;
  return notice(
    "warn",
    h.p(h.strong(`Store ${connectionId}: `), words),
    h.a({ href: `/dashboard/stores/${connectionId}/first-quantities` }, "Look at its first quantities"),
  );
}
