// What the page's modules find in a browser, for a run without one: locks, and timers that are noted and never fire.

import { webcrypto } from 'node:crypto';

const define = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });

let held = Promise.resolve();
let asked = 0;

/** How long each timer that was set would have waited, in ms. */
export const timers = [];

define('crypto', webcrypto);
define('navigator', {
  locks: {
    request(name, work) {
      asked += 1;
      const done = held.then(work);
      held = done.catch(() => {}).finally(() => { asked -= 1; });
      return done;
    },
  },
});
define('document', { visibilityState: 'hidden' });
define('addEventListener', () => {});
define('BroadcastChannel', class { addEventListener() {} postMessage() {} });
define('setTimeout', (work, ms) => { timers.push(ms); return timers.length; });
define('clearTimeout', () => {});

/** Until nothing is under way. */
export async function idle() {
  for (let quiet = 0; quiet < 5; quiet = asked === 0 ? quiet + 1 : 0) await new Promise(setImmediate);
}
