// What is kept of persons on this machine is encrypted (AES-256-GCM). The key is the clinic's: the centre gives it out with a session, and
// no script can read it again. It goes when the session ends; the next session of the clinic brings it back, so no entry is lost.

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** @param {string} base64 32 bytes. */
export async function importKey(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);
}

/** @param {string} name of the entry: what was sealed under one cannot be put under another. */
export async function seal(key, name, value) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const data = await crypto.subtle.encrypt(
    { name: 'AES-GCM', iv, additionalData: utf8.encode(name) }, key, utf8.encode(JSON.stringify(value)));
  return { iv, data };
}

/** @throws where the key is another one or the entry was changed. */
export async function open(key, name, { iv, data }) {
  const plain = await crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData: utf8.encode(name) }, key, data);
  return JSON.parse(text.decode(plain));
}
