import type { Call, CallOptions, Calls } from "./calls/call.js";

interface Page<Row> {
  data: Row[];
  has_more: boolean;
  next_cursor?: string | null;
}

/** Every row from the newest on; each page is asked for when the one before is used up. */
export async function* rows<Row>(calls: Calls, call: Call, options?: CallOptions): AsyncGenerator<Row, void, undefined> {
  let query = call.query;
  for (;;) {
    const page = await calls.send<Page<Row>>({ ...call, query }, options);
    yield* page.data;
    // A page that names itself as the next would never end.
    if (!page.has_more || !page.next_cursor || page.next_cursor === query?.["starting_after"]) return;
    query = { ...query, starting_after: page.next_cursor };
  }
}
