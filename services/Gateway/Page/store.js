// The browser's database. Nothing of a person stands in it but sealed.

import { openDB } from './vendor/idb.js';

// Power may go right after the clerk was told that an entry is kept: the disk must have it by then.
const ON_DISK = { durability: 'strict' };

let opened;

const database = () => (opened ??= openDB('claims-clinic', 1, {
  upgrade(db) {
    db.createObjectStore('meta');
    db.createObjectStore('entries', { keyPath: 'requestId' }).createIndex('facilityCode', 'facilityCode');
    db.createObjectStore('items', { keyPath: 'itemCode' });
  },
  // A newer page in another tab waits for this one to let go.
  blocking() {
    opened?.then((db) => db.close());
    opened = undefined;
  },
}));

export const getMeta = async (name) => (await database()).get('meta', name);
export const putMeta = async (name, value) => (await database()).put('meta', value, name);
export const deleteMeta = async (name) => (await database()).delete('meta', name);

/** Of one clinic, oldest first. */
export async function entriesOf(facilityCode) {
  const entries = await (await database()).getAllFromIndex('entries', 'facilityCode', facilityCode);
  return entries.sort((a, b) => a.createdAt - b.createdAt);
}

export const getEntry = async (requestId) => (await database()).get('entries', requestId);

/** @returns false where an entry of this id is there already: the second of a double click. */
export async function addEntry(entry) {
  const transaction = (await database()).transaction('entries', 'readwrite', ON_DISK);
  try {
    await Promise.all([transaction.store.add(entry), transaction.done]);
    return true;
  } catch (error) {
    if (error.name !== 'ConstraintError') throw error;
    await transaction.done.catch(() => {});
    return false;
  }
}

/** Changes an entry in one transaction, so that two tabs cannot undo each other's change; null from `change` leaves it as it is. */
export async function changeEntry(requestId, change) {
  const transaction = (await database()).transaction('entries', 'readwrite', ON_DISK);
  const before = await transaction.store.get(requestId);
  const after = before && change(before);
  if (after) await transaction.store.put(after);
  await transaction.done;
  return after ?? null;
}

export async function deleteEntry(requestId) {
  await (await database()).delete('entries', requestId);
}

/** Items of the catalogue as they were last seen, for when the line is away. */
export async function keepItems(items) {
  const transaction = (await database()).transaction('items', 'readwrite');
  for (const item of items) {
    const known = await transaction.store.get(item.itemCode);
    await transaction.store.put({ ...known, ...item });
  }
  await transaction.done;
}

export async function keepPrice(itemCode, price) {
  const transaction = (await database()).transaction('items', 'readwrite');
  const known = await transaction.store.get(itemCode);
  if (known) await transaction.store.put({ ...known, price });
  await transaction.done;
}

export const getItem = async (itemCode) => (await database()).get('items', itemCode);
export const allItems = async () => (await database()).getAll('items');
