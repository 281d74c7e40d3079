// How far the stores are behind: a figure beside others, which a page does without while nobody can tell it.

import { get } from "../api.js";

/** Resolves to a function from a connection's id to the number of its listings that wait, or null. */
export async function dueListings(signal) {
  try {
    const { items } = await get("/api/v1/connections/due", { signal });
    const due = new Map(items.map((one) => [one.connectionId, one.due]));
    return (id) => due.get(id) ?? null;
  } catch (error) {
    if (error.status !== 503 && error.status !== 502) throw error;
    return () => null;
  }
}
