// The tally of a page: unpacked once into columns of small integers, then counted anew with each choice.

/** Bytes of a text, decompressed by the browser. */
async function bytesOf(text) {
  const packed = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Whole numbers from bytes of seven bits each, the lowest first; the eighth bit says that more follow. */
function numbersOf(bytes, rows) {
  const numbers = new Float64Array(rows);
  let at = 0;
  for (let row = 0; row < rows; row += 1) {
    let byte = bytes[at++];
    let value = byte & 127;
    for (let scale = 128; byte > 127; scale *= 128) {
      byte = bytes[at++];
      value += (byte & 127) * scale;
    }
    numbers[row] = value;
  }
  return numbers;
}

/**
 * Columns and counts of a packed tally.
 *
 * The first key of a row is the distance to that of the row before; a further key too, as long as those before it
 * are the same.
 */
export async function unpacked({ columns, sizes, keys, counts, rows, ways }) {
  const found = {};
  // columns of one kind of array, so that loops over them stay fast
  const Numbers = Math.max(...sizes.flat()) <= 65_536 ? Uint16Array : Uint32Array;
  const same = new Uint8Array(rows).fill(1);
  for (const [at, names] of columns.entries()) {
    const gaps = numbersOf(await bytesOf(keys[at]), rows);
    const arrays = names.map(() => new Numbers(rows));
    let value = 0;
    for (let row = 0; row < rows; row += 1) {
      value = same[row] ? value + gaps[row] : gaps[row];
      if (gaps[row] !== 0) same[row] = 0;
      let rest = value;
      for (let column = names.length - 1; column >= 0; column -= 1) {
        const size = sizes[at][column];
        const whole = Math.floor(rest / size);
        arrays[column][row] = rest - whole * size;
        rest = whole;
      }
    }
    names.forEach((name, column) => {
      found[name] = arrays[column];
    });
  }
  const counted = {};
  for (const [name, text] of Object.entries(counts)) {
    counted[name] = text === null ? null : numbersOf(await bytesOf(text), rows);
  }
  return { columns: found, counts: counted, rows, ways };
}

/** For each row the one range that it is not in; -1 for none, -2 for several. */
function missed(columns, ranges, rows) {
  const found = new Int8Array(rows).fill(-1);
  Object.entries(ranges).forEach(([name, [low, high]], number) => {
    const column = columns[name];
    for (let row = 0; row < rows; row += 1) {
      const value = column[row];
      if (value < low || value > high) found[row] = found[row] === -1 ? number : -2;
    }
  });
  return found;
}

/** Sums of a count by day, group and kind, over rows that miss nothing. */
function summed(values, missing, places) {
  const [day, nDays, group, nGroups, way, rate, rates, kinds] = places;
  const sums = new Float64Array(nDays * nGroups * kinds);
  if (values === null) return sums;
  for (let row = 0; row < values.length; row += 1) {
    if (missing[row] !== -1) continue;
    const place = (day === null ? 0 : day[row] * nGroups) + (group === null ? 0 : group[row]);
    sums[place * kinds + way[row] * rates + rate[row]] += values[row];
  }
  return sums;
}

/**
 * Sums of the rows within all ranges, by day, so that any period is added up from them at once.
 *
 * @param tally as `unpacked` gives it
 * @param ranges for a dimension the first and the last number of its values that count
 * @param rates number of rates, none included
 * @param by dimension of the sums, or null for one sum of all; `nBy` its values
 * @param counts names of what is summed
 * @param nDays days, none included; 1 to sum all days together
 * @returns for each count sums by day, value and kind, `way * rates + rate`
 */
export function counted(tally, { ranges, rates, by, nBy, counts, nDays }) {
  const { columns, rows, ways } = tally;
  const missing = missed(columns, ranges, rows);
  const day = nDays > 1 ? columns.day : null;
  const places = [day, nDays, by === null ? null : columns[by], nBy, columns.way, columns.rate, rates, ways.length * rates];
  return Object.fromEntries(counts.map((name) => [name, summed(tally.counts[name], missing, places)]));
}

/**
 * For each of some dimensions sums of n by day, value and rate, over the rows within all ranges but its own.
 *
 * @param sizes dimensions and the number of their values
 */
export function beside(tally, { ranges, rates, sizes, nDays }) {
  const { columns, rows, counts } = tally;
  const missing = missed(columns, ranges, rows);
  const names = Object.keys(ranges);
  const { day, rate } = columns;
  return Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => {
      const own = names.indexOf(name);
      const column = columns[name];
      const sums = new Float64Array(nDays * size * rates);
      for (let row = 0; row < rows; row += 1) {
        const miss = missing[row];
        if (miss === -1 || (miss === own && own !== -1)) sums[(day[row] * size + column[row]) * rates + rate[row]] += counts.n[row];
      }
      return [name, sums];
    }),
  );
}

/** Sums of the days from first to last, of all days where none are given. */
export function overDays(sums, nDays, period) {
  const size = sums.length / nDays;
  const found = new Float64Array(size);
  const [first, last] = period ?? [0, nDays - 1];
  for (let day = first; day <= last; day += 1) {
    for (let at = 0; at < size; at += 1) found[at] += sums[day * size + at];
  }
  return found;
}
