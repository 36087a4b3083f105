// Numbers in words, digit for digit as toolkit/chart/look.py writes them.

/** Number with so many digits, halves rounded to the even one, as Python does. */
export function fixed(value, digits) {
  const halves = value * 2 ** (digits + 1);
  const isTie = digits < 3 && Number.isInteger(halves) && halves % 2 !== 0 && Math.abs(value) < 2 ** 40;
  if (!isTie) return value.toFixed(digits);
  const scale = 10 ** digits;
  const below = Math.floor(value * scale);
  return ((below % 2 === 0 ? below : below + 1) / scale).toFixed(digits);
}

export function count(value) {
  return fixed(value, 0).replace(/\B(?=(\d{3})+$)/g, ',');
}

export function percent(value) {
  if (value === null) return 'no share';
  return `${fixed(value * 100, value > 0 && value < 0.01 ? 2 : 1)} %`;
}

/** Percentage of a level, without needless zeros. */
export function intervalsOf(level) {
  return `${Number((level * 100).toPrecision(6))} % intervals`;
}

export function period(first, last) {
  return first === null ? 'no times given' : `${first} to ${last} UTC`;
}
