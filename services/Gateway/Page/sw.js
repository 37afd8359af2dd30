// The page itself, for when the line is away. What the gateway answers is never kept.

const VERSION = 'fb1f774c6878';
const FILES = [
  'api.js',
  'app.css',
  'catalogue.js',
  'clock.js',
  'closing.js',
  'entry.js',
  'icon.svg',
  'ids.js',
  './',
  'main.js',
  'manifest.webmanifest',
  'money.js',
  'queue.js',
  'receipt.css',
  'scanner.js',
  'session.js',
  'store.js',
  'ui.js',
  'vault.js',
  'vendor/htm-preact.js',
  'vendor/idb.js',
  'views/day.js',
  'views/entry.js',
  'views/find.js',
  'views/insured.js',
  'views/items.js',
  'views/login.js',
  'views/receipt.js',
  'views/visit.js',
  'words.js',
];
const SHELL = `claims-clinic-${VERSION}`;

// All files or none: a page made of two versions would be neither.
addEventListener('install', (event) => event.waitUntil(caches.open(SHELL).then((cache) =>
  cache.addAll(FILES.map((file) => new Request(file, { cache: 'no-cache' }))))));

addEventListener('activate', (event) => event.waitUntil(caches.keys().then((names) =>
  Promise.all(names.filter((name) => name !== SHELL).map((name) => caches.delete(name))))));

// A page asks for it once all its modules are there.
addEventListener('message', ({ data }) => { if (data === 'take over') skipWaiting(); });

addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== location.origin) return;
  const file = pathname === '/' || pathname === '/index.html' ? './' : pathname.slice(1);
  if (!FILES.includes(file)) return;
  event.respondWith(caches.open(SHELL).then((cache) => cache.match(file)).then((kept) => kept ?? fetch(request)));
});
