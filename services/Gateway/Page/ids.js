// An entry's id is made once, when it is begun, and never again: the centre settles it at most once, however often it is sent.

import { today } from './clock.js';

// Without letters and digits that are taken for each other when read aloud.
const ALPHABET = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ';
const RANDOM_CHARACTERS = 20;

/** @param {string} letter what it is of: W visit, C cancellation, F reversal. @returns 28 characters; 100 bits of them are random. */
export function newRequestId(letter) {
  const random = crypto.getRandomValues(new Uint8Array(RANDOM_CHARACTERS));
  const tail = Array.from(random, (byte) => ALPHABET[byte % ALPHABET.length]).join('');
  return `${letter}${today().replaceAll('-', '').slice(2)}-${tail}`;
}
