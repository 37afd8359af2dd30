// The centre's time: this machine's clock may be wrong, so each answer's Date header says how far off it is. China has one time zone and no
// summer time, and the machine's own zone is not asked.

const CHINA_OFFSET_MS = 8 * 3600_000;
const TOLERATED_MS = 5 * 60_000;

let offsetMs = 0;
let known = false;

/** What earlier answers have taught; see offset(). */
export function restore(storedOffsetMs) {
  if (!known && Number.isFinite(storedOffsetMs)) offsetMs = storedOffsetMs;
}

/** @param {Response} response of the gateway; a page out of the browser's cache would tell an old time. */
export function learn(response) {
  const then = Date.parse(response.headers.get('Date') ?? '');
  if (Number.isNaN(then)) return;
  offsetMs = then - Date.now();
  known = true;
}

export const offset = () => offsetMs;

export const nowMs = () => Date.now() + offsetMs;

/** Whether this machine is so far off that whoever sits before it should be told; in minutes, else 0. */
export const minutesOff = () => (Math.abs(offsetMs) > TOLERATED_MS ? Math.round(offsetMs / 60_000) : 0);

/** yyyy-MM-dd in China Standard Time. */
export const today = () => dayOf(nowMs());

export const dayOf = (ms) => new Date(ms + CHINA_OFFSET_MS).toISOString().slice(0, 10);

/** yyyy-MM-dd HH:mm in China Standard Time. */
export const timeText = (ms) => new Date(ms + CHINA_OFFSET_MS).toISOString().slice(0, 16).replace('T', ' ');
