import { get, post } from "../api.js";
import { action } from "../components/action.js";
import { empty, toast, unavailable } from "../components/notices.js";
import { table } from "../components/table.js";
import { time } from "../components/times.js";
import { h } from "../dom.js";
import { quantity } from "../format.js";

export const parked = {
  title: "Parked messages",
  async render({ signal, refresh }) {
    const page = await get("/api/v1/parked?limit=200", { signal });
    return h.div(
      { class: "stack" },
      h.h1("Parked messages"),
      h.p(
        { class: "muted" },
        "What could not be worked on, with the reason. Nothing is lost: mend the cause, then replay.",
      ),
      unavailable(page.unavailable),
      page.items.length
        ? parkedTable(page.items, refresh)
        : empty("Nothing is parked: every message was understood. There is nothing to do here."),
    );
  },
};

function parkedTable(items, refresh) {
  return table({
    caption: "Parked messages",
    rows: items,
    columns: [
      { label: "Since", cell: ({ parkedAt }) => time(parkedAt) },
      { label: "What", kind: "main", cell: ({ summary, type }) => summary || type },
      { label: "At", cell: ({ service }) => service },
      { label: "Reason", kind: "wide", cell: ({ reason }) => h.span({ class: "reason" }, reason) },
      { label: "Attempts", kind: "number", cell: ({ attempts }) => quantity(attempts) },
      { label: "Replay", kind: "wide bare", cell: (message) => replay(message, refresh) },
    ],
  });
}

function replay({ service, id }, refresh) {
  return action("Replay", {
    key: `replay-${service}-${id}`,
    run: async () => {
      await post(`/api/v1/parked/${encodeURIComponent(service)}/${encodeURIComponent(id)}/replay`);
      toast("The message is worked on again.");
      await refresh();
    },
  });
}
