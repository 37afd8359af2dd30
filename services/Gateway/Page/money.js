// Money is whole fen, as BigInt or as the digits of proto3 JSON; nothing of it is ever a floating number.

const MILLI_FEN_PER_YUAN_DECIMALS = 5;
const QUANTITY_DECIMALS = 4;
const MILLI_FEN_TIMES_E4_PER_FEN = 10_000_000n;

/** Digits with a point, as whole units of 10^-decimals; null where the text is no such number or has more decimals. */
function scaled(text, decimals) {
  const found = /^(\d{1,9})(?:\.(\d*))?$/.exec(plain(text));
  if (!found || (found[2] ?? '').replace(/0+$/, '').length > decimals) return null;
  return BigInt(found[1] + (found[2] ?? '').padEnd(decimals, '0').slice(0, decimals));
}

// What a Chinese input method leaves behind: full-width digits and points.
function plain(text) {
  return String(text ?? '').trim().normalize('NFKC').replace(/[。，]/g, '.');
}

/** Yuan as typed, in thousandths of a fen, above 0; else null. */
export function priceMilliFen(text) {
  const price = scaled(text, MILLI_FEN_PER_YUAN_DECIMALS);
  return price === null || price === 0n ? null : price;
}

/** Pieces as typed, times 10 000, above 0; else null. */
export function quantityE4(text) {
  const quantity = scaled(text, QUANTITY_DECIMALS);
  return quantity === null || quantity === 0n ? null : quantity;
}

/** Price times quantity in fen, half up: as the centre reckons it, or it would refuse the line. */
export function amountFen(milliFen, e4) {
  return (BigInt(milliFen) * BigInt(e4) + MILLI_FEN_TIMES_E4_PER_FEN / 2n) / MILLI_FEN_TIMES_E4_PER_FEN;
}

/** 12345 → 123.45 */
export function yuan(fen) {
  const value = BigInt(fen ?? 0);
  const digits = (value < 0n ? -value : value).toString().padStart(3, '0');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** A price in thousandths of a fen as yuan, with two decimals or as many as it has. */
export function yuanOfMilliFen(milliFen) {
  const digits = BigInt(milliFen).toString().padStart(MILLI_FEN_PER_YUAN_DECIMALS + 1, '0');
  const whole = digits.slice(0, -MILLI_FEN_PER_YUAN_DECIMALS);
  const part = digits.slice(-MILLI_FEN_PER_YUAN_DECIMALS).replace(/0+$/, '').padEnd(2, '0');
  return `${whole}.${part}`;
}

/** Pieces times 10 000 as pieces. */
export function pieces(e4) {
  const digits = BigInt(e4).toString().padStart(QUANTITY_DECIMALS + 1, '0');
  const part = digits.slice(-QUANTITY_DECIMALS).replace(/0+$/, '');
  return digits.slice(0, -QUANTITY_DECIMALS) + (part ? `.${part}` : '');
}

/** Basis points as per cent: 6500 → 65%. */
export function percent(basisPoints) {
  const whole = Math.trunc(basisPoints / 100);
  const rest = String(basisPoints % 100).padStart(2, '0').replace(/0+$/, '');
  return `${whole}${rest ? `.${rest}` : ''}%`;
}
