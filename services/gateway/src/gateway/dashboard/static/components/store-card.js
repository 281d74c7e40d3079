// One store: how it is, when it was last in step, and what can be done with it.

import { patch, remove } from "../api.js";
import { h } from "../dom.js";
import { count, PLATFORMS } from "../format.js";
import { action } from "./action.js";
import { badge } from "./badge.js";
import { confirmDialog } from "./dialog.js";
import { toast } from "./notices.js";
import { syncAction } from "./sync.js";
import { time } from "./times.js";

/** `due`: how many listings wait to be written; null where that is not known. */
export function storeCard(connection, due, refresh) {
  const { id, storeName, platform, storeUrl, lastSync, locationId } = connection;
  return h.article(
    { class: "card store", "aria-label": storeName },
    h.header(
      h.h2(h.a({ href: `/dashboard/stores/${id}` }, storeName)),
      h.p({ class: "muted" }, [PLATFORMS[platform], storeUrl].filter(Boolean).join(" · ")),
    ),
    health(connection),
    h.dl(
      h.div(h.dt("Last in step"), h.dd(time(lastSync))),
      h.div(h.dt("Waiting to be written"), h.dd(due === null ? "–" : count(due, "listing"))),
      h.div(h.dt("Sells from"), h.dd(locationId)),
    ),
    storeActions(connection, refresh),
  );
}

export function health({ status, syncEnabled, health: state, healthSince, healthDetail }) {
  const shown = status === "connected" && !syncEnabled ? "paused" : status === "connected" ? state : status;
  const explained = shown === "healthy" || shown === "paused" ? "" : healthDetail;
  return h.div(
    { class: "health" },
    badge(shown),
    shown !== "healthy" && shown === state && healthSince && h.span({ class: "muted" }, "since ", time(healthSince)),
    shown === "paused" && h.span({ class: "muted" }, "Its sales are still counted; nothing is written to it."),
    explained && h.p({ class: "reason" }, explained),
  );
}

/** `refresh()` after a change, `gone()` after disconnecting. */
export function storeActions(connection, refresh, gone = refresh) {
  return h.div(
    { class: "buttons" },
    connection.syncEnabled && syncAction(connection, refresh),
    pauseAction(connection, refresh),
    h.span(
      { class: "action", "data-keep": `disconnect-${connection.id}` },
      h.button(
        { type: "button", class: "button quiet danger-text", onclick: () => disconnect(connection, gone) },
        "Disconnect",
      ),
    ),
  );
}

function pauseAction({ id, storeName, syncEnabled }, refresh) {
  return action(syncEnabled ? "Pause" : "Resume", {
    key: `${syncEnabled ? "pause" : "resume"}-${id}`,
    run: async () => {
      await patch(`/api/v1/connections/${id}`, { syncEnabled: !syncEnabled });
      toast(syncEnabled ? `${storeName} is paused.` : `${storeName} is kept in step again.`);
      await refresh();
    },
  });
}

async function disconnect({ id, storeName }, gone) {
  let answer = null;
  const done = await confirmDialog({
    title: `Disconnect ${storeName}?`,
    body: [
      "Its sales are no longer counted and its quantities no longer written. Our webhooks are taken out of the store.",
      "Your stock and its history are kept, here and in the store.",
    ],
    confirmLabel: `Disconnect ${storeName}`,
    run: async () => {
      answer = await remove(`/api/v1/connections/${id}`);
    },
  });
  if (!done) return;
  toast(answer.detail || `${storeName} is disconnected. Stock is kept.`);
  await gone();
}
