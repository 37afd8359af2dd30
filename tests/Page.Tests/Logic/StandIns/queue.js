// A queue that holds what a test puts into it.

export const held = [];
export const forgotten = [];
export const removed = [];

/** Whose entries are sent, and by what; null where nobody's are. */
export let sending = null;
export let renew = null;

export function start({ facilityCode, key }, on) {
  sending = `${facilityCode} ${key}`;
  renew = on.renew;
}

export function stop() {
  sending = null;
}

export const list = async () => held;
export const forget = async (requestIds) => {
  forgotten.push(...requestIds);
  for (const entry of held) if (requestIds.includes(entry.requestId)) entry.reconciled = true;
};
export const remove = async (requestIds) => { removed.push(...requestIds); };
