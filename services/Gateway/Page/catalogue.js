// Items by pinyin initials, code or name: from the centre, and from what was last seen of it where the line is away.

import * as api from './api.js';
import { allItems, getItem, keepItems } from './store.js';

const MOST = 20;

/** @returns {Promise<{items: object[], away: boolean}>} best first */
export async function search(text, date) {
  const typed = text.trim();
  if (typed === '') return { items: [], away: false };
  try {
    const { status, body } = await api.query('/clinic/catalogue', { q: typed, date, limit: MOST });
    if (status === 200 && Array.isArray(body.items)) {
      await keepItems(body.items);
      const prices = await Promise.all(body.items.map(async (item) => ({ ...item, price: (await getItem(item.itemCode))?.price })));
      return { items: ranked(prices, typed), away: false };
    }
  } catch (error) {
    if (!(error instanceof api.NoAnswer)) throw error;
  }
  return { items: ranked(await allItems(), typed), away: true };
}

/** @returns 0 best; null for no hit. */
export function rank(item, typed) {
  const wanted = typed.toUpperCase();
  const initials = (item.pinyinInitials ?? '').toUpperCase();
  if (item.itemCode.toUpperCase() === wanted) return 0;
  if (initials === wanted || item.name === typed) return 1;
  if (initials.startsWith(wanted)) return 2;
  if (item.itemCode.toUpperCase().startsWith(wanted)) return 3;
  if (item.name.includes(typed)) return 4;
  return initials.includes(wanted) ? 5 : null;
}

function ranked(items, typed) {
  return items.map((item) => [rank(item, typed), item]).filter(([place]) => place !== null)
    .sort(([a, first], [b, second]) => a - b || first.name.length - second.name.length).slice(0, MOST).map(([, item]) => item);
}
