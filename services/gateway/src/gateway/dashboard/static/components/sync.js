// "Sync now": asks for a whole round (read Prokip, apply, write to the stores) and tells how far it is until it ends.

import { get, post } from "../api.js";
import { pause } from "../dom.js";
import { count } from "../format.js";
import { action } from "./action.js";

const ASK_EVERY_MS = 700;
const ASK_FOR_MS_MAX = 120_000;

/** For one connection, or for every store when it is null. */
export function syncAction(connection, refresh) {
  return action(connection ? "Sync now" : "Sync all stores", {
    key: `sync-${connection?.id ?? "all"}`,
    run: async (say) => {
      const path = connection ? `/api/v1/connections/${connection.id}/sync` : "/api/v1/sync";
      let round = await post(path);
      const giveUpAt = Date.now() + ASK_FOR_MS_MAX;
      while (round.state === "running" && Date.now() < giveUpAt) {
        say(`Reading Prokip and writing to ${connection ? "the store" : "the stores"}… ${elapsed(round)}`);
        await pause(ASK_EVERY_MS);
        round = await get(`/api/v1/sync/${round.id}`);
      }
      say(result(round), round.state === "completed" && !failing(round).length ? "good" : "bad");
      await refresh();
    },
  });
}

const elapsed = ({ requestedAt }) => `${Math.max(0, Math.round((Date.now() - Date.parse(requestedAt)) / 1000))} s`;

const failing = ({ connections }) => connections.filter(({ state }) => state === "failing");

function result(round) {
  if (round.state === "running") return "Not done yet. It goes on in the background; the live feed tells when it is over.";
  if (round.state !== "completed") return round.detail;
  const troubles = failing(round);
  if (troubles.length) return troubles.map(({ detail }) => detail).join(" ");
  const listings = round.connections.reduce((sum, connection) => sum + connection.listings, 0);
  return `Done: ${count(listings, "listing")} in step.`;
}
