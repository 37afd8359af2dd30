// The browser's database in memory.

const entries = new Map();
const items = new Map();
const meta = new Map();

export const getMeta = async (name) => meta.get(name);
export const putMeta = async (name, value) => { meta.set(name, value); };
export const deleteMeta = async (name) => { meta.delete(name); };

export const entriesOf = async (facilityCode) =>
  [...entries.values()].filter((entry) => entry.facilityCode === facilityCode).sort((a, b) => a.createdAt - b.createdAt);
export const getEntry = async (requestId) => entries.get(requestId);
export const putEntry = (entry) => entries.set(entry.requestId, entry);

export async function addEntry(entry) {
  if (entries.has(entry.requestId)) return false;
  entries.set(entry.requestId, entry);
  return true;
}

export async function changeEntry(requestId, change) {
  const before = entries.get(requestId);
  const after = before && change(before);
  if (after) entries.set(requestId, after);
  return after ?? null;
}

export async function deleteEntry(requestId) {
  entries.delete(requestId);
}

export async function keepItems(seen) {
  for (const item of seen) items.set(item.itemCode, { ...items.get(item.itemCode), ...item });
}

export const getItem = async (itemCode) => items.get(itemCode);
export const allItems = async () => [...items.values()];
