import { html, useEffect, useRef, useState } from '../vendor/htm-preact.js';
import { changePassword, login } from '../session.js';
import { Field, Notice } from '../ui.js';

const REMEMBERED = 'claims-clinic-login';

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(REMEMBERED)) ?? {};
  } catch {
    return {};
  }
}

/** @param again the session that has ended, whose clinic it is; null on a fresh page */
export function Login({ again, onClosed }) {
  const known = again ?? remembered();
  const [fault, setFault] = useState('');
  const [busy, setBusy] = useState(false);
  const form = useRef(null);
  useEffect(() => {
    const fields = form.current.elements;
    (fields.facilityCode.value === '' ? fields.facilityCode : fields.clerk.value === '' ? fields.clerk : fields.password).focus();
  }, []);

  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    const fields = form.current.elements;
    const facilityCode = fields.facilityCode.value.trim();
    const clerk = fields.clerk.value.trim();
    setBusy(true);
    const said = await login(facilityCode, clerk, fields.password.value);
    setBusy(false);
    if (said === null) {
      localStorage.setItem(REMEMBERED, JSON.stringify({ facilityCode, clerk }));
      onClosed?.();
      return;
    }
    setFault(said);
    fields.password.select();
  };

  return html`<form class="login" ref=${form} onSubmit=${submit} aria-busy=${busy}>
    <${Field} id="facilityCode" label="机构编码"><input id="facilityCode" name="facilityCode" required maxlength="30"
      autocomplete="organization" autocapitalize="characters" spellcheck=${false} defaultValue=${known.facilityCode ?? ''}
      readOnly=${Boolean(again)} /><//>
    <${Field} id="clerk" label="经办人"><input id="clerk" name="clerk" required maxlength="60" autocomplete="username" spellcheck=${false}
      defaultValue=${known.clerk ?? ''} /><//>
    <${Field} id="password" label="密码"><input id="password" name="password" type="password" required maxlength="200"
      autocomplete="current-password" /><//>
    <${Notice} kind="error" text=${fault} />
    <button class="main" disabled=${busy}>${busy ? '正在登录……' : '登录'}</button>
  </form>`;
}

export function Password({ first, onDone }) {
  const [fault, setFault] = useState('');
  const form = useRef(null);
  useEffect(() => form.current.elements.oldPassword.focus(), []);

  const submit = async (event) => {
    event.preventDefault();
    const fields = form.current.elements;
    if (fields.newPassword.value !== fields.repeated.value) {
      setFault('两次输入的新密码不一致，请重新输入。');
      fields.repeated.select();
      return;
    }
    const said = await changePassword(fields.oldPassword.value, fields.newPassword.value);
    setFault(said ?? '');
    if (said === null) onDone();
  };

  return html`<section class="narrow"><h1>修改密码</h1>
    ${first && html`<p>首次登录或密码重置后，请先设置自己的密码。</p>`}
    <form class="login" ref=${form} onSubmit=${submit}>
      <${Field} id="oldPassword" label="当前密码"><input id="oldPassword" name="oldPassword" type="password" required
        autocomplete="current-password" /><//>
      <${Field} id="newPassword" label="新密码"><input id="newPassword" name="newPassword" type="password" required
        autocomplete="new-password" /><//>
      <${Field} id="repeated" label="再输一遍新密码"><input id="repeated" name="repeated" type="password" required
        autocomplete="new-password" /><//>
      <${Notice} kind="error" text=${fault} />
      <button class="main">保存新密码</button>
    </form></section>`;
}
