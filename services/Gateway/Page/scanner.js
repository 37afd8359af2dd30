// A card reader or scanner types a line faster than a hand can, and ends it with Enter.

// A hand that types 20 keys a second for 8 keys is not known; a scanner on an old machine is.
const FASTEST_HAND_MS_PER_KEY = 50;
const LONGEST_GAP_MS = 150;
const SHORTEST_LINE = 8;

/**
 * Takes scanned lines out of whatever field has the focus and gives them to `scanned`.
 * @param keeps whether the field that has the focus wants the line itself
 * @returns what stops it
 */
export function onScan(scanned, keeps) {
  let line = '';
  let began = 0;
  let last = -Infinity;
  let field = null;
  let before = '';
  const key = (event) => {
    if (!event.isTrusted || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    const together = event.timeStamp - last < LONGEST_GAP_MS && event.target === field;
    last = event.timeStamp;
    if (event.key.length === 1) {
      if (!together) {
        line = '';
        began = event.timeStamp;
        field = event.target;
        before = field.value;
      }
      line += event.key;
      return;
    }
    if (event.key === 'Shift') return;
    const scan = event.key === 'Enter' && together && line.length >= SHORTEST_LINE
      && event.timeStamp - began < line.length * FASTEST_HAND_MS_PER_KEY && !keeps(field);
    if (scan) {
      event.preventDefault();
      event.stopPropagation();
      if (before !== undefined && field.value !== before) {
        field.value = before;
        field.dispatchEvent(new Event('input', { bubbles: true }));
      }
      scanned(line);
    }
    line = '';
    field = null;
  };
  addEventListener('keydown', key, true);
  return () => removeEventListener('keydown', key, true);
}
