import { html, render, useEffect, useState } from './vendor/htm-preact.js';
import { minutesOff } from './clock.js';
import { closePastDays } from './closing.js';
import * as e from './entry.js';
import * as queue from './queue.js';
import * as sessions from './session.js';
import { Dialog, Notice } from './ui.js';
import { Day } from './views/day.js';
import { Entry } from './views/entry.js';
import { Find, Settlement } from './views/find.js';
import { Login, Password } from './views/login.js';
import { dropTyped, Visit } from './views/visit.js';

const go = (place) => { location.hash = place; };

function usePlace() {
  const [place, setPlace] = useState(location.hash.slice(1));
  useEffect(() => {
    const moved = () => setPlace(location.hash.slice(1));
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  return place.split('/').map(decodeURIComponent);
}

function useSession() {
  const [, again] = useState(0);
  useEffect(() => sessions.listen(() => again((count) => count + 1)), []);
  return sessions.session();
}

function useOpen() {
  const [open, setOpen] = useState(0);
  useEffect(() => {
    const load = async () => setOpen((await queue.list()).filter(e.isOpen).length);
    load();
    return queue.listen(load);
  }, []);
  return open;
}

function App() {
  const session = useSession();
  const [place, ...rest] = usePlace();
  const name = place || 'visit';
  if (session === null) {
    dropTyped();
    return html`<main class="narrow"><h1>居民医保门诊结算</h1><${Login} again=${null} /></main>`;
  }
  if (session.mustChangePassword) return html`<main><${Password} first onDone=${() => go('')} /></main>`;
  return html`<${Head} session=${session} place=${name} />
    <main id="main"><${View} key=${`${session.facilityCode}/${name}/${rest.join('/')}`} name=${name} rest=${rest} /></main>
    ${sessions.isEnded() && html`<${Dialog} title="登录已到期">
      <p>请重新登录后继续。已录入和待上传的费用都在，不会丢失。</p><${Login} again=${session} /><//>`}`;
}

function View({ name, rest }) {
  switch (name) {
    case 'day': return html`<${Day} />`;
    case 'find': return html`<${Find} />`;
    case 'password': return html`<${Password} onDone=${() => go('')} />`;
    case 'entry': return html`<${Entry} requestId=${rest[0]} go=${go} />`;
    case 'settlement': return html`<${Settlement} settlementId=${rest[0]} insuredId=${rest[1]} go=${go} />`;
    default: return html`<${Visit} onSubmitted=${(requestId) => go(`entry/${requestId}`)} />`;
  }
}

const HOUR_MS = 3_600_000;

function Head({ session, place }) {
  const open = useOpen();
  const [fault, setFault] = useState('');
  // Yesterday is compared by itself, so that nothing of a person stays longer than it must.
  useEffect(() => {
    closePastDays();
    const hourly = setInterval(closePastDays, HOUR_MS);
    return () => clearInterval(hourly);
  }, []);
  const leave = async () => setFault(await sessions.logout() ?? '');
  const tab = (at, key, word) =>
    html`<a href=${`#${at}`} accesskey=${key} aria-current=${place === at ? 'page' : undefined}>${word}</a>`;
  const off = minutesOff();
  return html`<header class="top"><a class="skip" href="#main" onClick=${(event) => { event.preventDefault();
      document.querySelector('main :is(input, button, a)')?.focus(); }}>跳到内容</a>
    <p class="clinic"><strong>${session.facilityName}</strong> <span>${session.clerk}</span></p>
    <nav aria-label="功能">${tab('visit', '1', '结算')}${tab('day', '2', '当日')}${tab('find', '3', '查找')}</nav>
    <p class="waiting" role="status">${open > 0 ? html`<a href="#day">${open} 笔待上传或待确认</a>` : ''}</p>
    <p class="account"><a href="#password">改密码</a> <button type="button" class="link" onClick=${leave}>退出</button></p></header>
    <${Notice} kind="error" text=${fault} />
    <${Notice} kind="warning" text=${off === 0 ? '' : `本机时钟与医保中心相差 ${Math.abs(off)} 分钟，日期已按中心时间办理，请校准本机时钟。`} />`;
}

// A key that is held down is one press: Enter would run on from the price to the settlement.
addEventListener('keydown', (event) => {
  if (!event.repeat || event.key !== 'Enter') return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);

await sessions.open();
const root = document.getElementById('app');
root.replaceChildren();
render(html`<${App} />`, root);
if ('serviceWorker' in navigator) {
  const worker = await navigator.serviceWorker.register('sw.js', { updateViaCache: 'none' });
  worker.waiting?.postMessage('take over');
}
