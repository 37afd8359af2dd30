// What several views show.

import { html, useEffect, useRef } from './vendor/htm-preact.js';
import { stateWord } from './entry.js';

export const State = ({ entry }) => html`<span class=${`state ${entry.state.toLowerCase()}`}>${stateWord(entry)}</span>`;

/** A sentence that a screen reader says when it changes; it is there, empty, before it has anything to say. */
export const Notice = ({ text, kind = 'info', id }) =>
  html`<p id=${id} class=${text ? `notice ${kind}` : 'quiet'} role=${kind === 'error' ? 'alert' : 'status'}>${text}</p>`;

/** To the field, with what stands in it marked, so that typing replaces it. */
export function toCorrect(field) {
  field.focus();
  field.select();
}

export function Field({ id, label, hint, children }) {
  return html`<div class="field"><label for=${id}>${label}</label>${children}
    ${hint && html`<span class="hint" id=${`${id}-hint`}>${hint}</span>`}</div>`;
}

/** A window above the page that Escape closes, where it may be closed. */
export function Dialog({ title, onClose, children }) {
  const dialog = useRef(null);
  useEffect(() => {
    const shown = dialog.current;
    shown.showModal();
    return () => shown.close();
  }, []);
  // A browser closes a window at a second Escape, whatever the page says.
  return html`<dialog ref=${dialog} aria-labelledby="dialog-title" onCancel=${(event) => { event.preventDefault(); onClose?.(); }}
    onClose=${() => { if (!onClose && dialog.current?.isConnected) dialog.current.showModal(); }}>
    <h2 id="dialog-title">${title}</h2>${children}</dialog>`;
}
