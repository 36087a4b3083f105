// The status funnel of counts by way and sampling rate: what measure.status_funnel computes, in the same order.

import { partInterval } from './rates.js';

/** Steps of the funnel, in the order of its rows: stages reached, and the codes that stop at each. */
export function stepsOf(stages, codes) {
  const stop = (at) => codes.flatMap((code, number) => (code.at === at ? [{ at, outcome: 'stopped', code: number }] : []));
  return [{ at: 0 }, ...stages].flatMap(({ at }) => [
    ...(at > 0 ? [{ at, outcome: 'reached', code: null }] : []),
    ...(at < stages.length ? stop(at) : []),
  ]);
}

/** What each way counts for: steps with how often it has them, its attempts, and those of the stage before. */
export function countsOf(ways, steps, codes) {
  return ways.map((way) => {
    const reaching = (at) => way.filter((code) => codes[code].at >= at).length;
    return steps.flatMap(({ at, outcome, code }, step) => {
      const count = outcome === 'reached' ? reaching(at) : way.filter((one) => one === code).length;
      return count ? [{ step, count, base: reaching(1), before: reaching(stageBefore(at, outcome)) }] : [];
    });
  });
}

/** Stage that a step's conversion is of. */
function stageBefore(at, outcome) {
  return outcome === 'reached' ? Math.max(at - 1, 1) : Math.max(at, 1);
}

/** Sums of one funnel by step and rate: all that totals, shares and intervals need. */
function cellsOf(n, place, counts, nSteps, nRates, width) {
  const empty = () => new Float64Array(nSteps * nRates);
  const cells = { n: empty(), square: empty(), byBase: empty(), byBefore: empty(), has: new Uint8Array(nSteps) };
  counts.forEach((steps, way) => {
    for (let rate = 0; rate < nRates; rate += 1) {
      const found = n[place + way * width + rate];
      if (found === 0) continue;
      for (const { step, count, base, before } of steps) {
        const at = step * nRates + rate;
        cells.has[step] = 1;
        cells.n[at] += found * count;
        cells.square[at] += found * count * count;
        cells.byBase[at] += found * count * base;
        cells.byBefore[at] += found * count * before;
      }
    }
  });
  return cells;
}

const sumOf = (values) => values.reduce((sum, value) => sum + value, 0);
const share = (part, whole) => (whole > 0 ? part / whole : 1);

/**
 * One funnel.
 *
 * @param n units by way and rate, from `place` on; a row of `width` rates, the last of them for no usable rate
 * @param rates usable rates; `present` says which of them the funnel has
 * @param wanted whether a step's intervals are asked for
 * @returns rows: step, n, total, share, conversion with their ends, n_eff; null where there is none
 */
export function funnel({ n, place, width, rates, present, steps, counts, intervals, wanted = () => true }) {
  const nRates = rates.length;
  const cells = cellsOf(n, place, counts, steps.length, nRates, width);
  const used = rates.map((_, rate) => rate).filter((rate) => present[rate]);
  const stage = (at) => steps.findIndex((step) => step.at === at && step.outcome === 'reached');
  const rows = [];
  steps.forEach((step, number) => {
    if (step.outcome === 'stopped' && !cells.has[number]) return;
    const of = (name) => used.map((rate) => cells[name][number * nRates + rate]);
    const probabilities = used.map((rate) => rates[rate]);
    const strata = { n: of('n'), square: of('square'), p: probabilities };
    const clump = clumps(strata.square, strata.n);
    const total = used.length ? sumOf(strata.n.map((found, at) => found / probabilities[at])) : null;
    const row = { ...step, step: number, n: sumOf(strata.n), total };
    const within = (name, at) => used.map((rate) => cells[name][stage(at) * nRates + rate]);
    const ratio = (product, at, isWanted) => ratioOf({ ...strata, clump, product: of(product), ofN: within('n', at), ofSquare: within('square', at) }, intervals, isWanted);
    const asked = wanted(step);
    if (asked && total !== null) {
      let [below, above] = [0, 0];
      strata.n.forEach((found, at) => {
        const [low, high] = intervals.total(found, probabilities[at], clump[at]);
        below += (found / probabilities[at] - low) ** 2;
        above += (high - found / probabilities[at]) ** 2;
      });
      row.total_low = total - Math.sqrt(below);
      row.total_high = total + Math.sqrt(above);
    } else {
      row.total_low = null;
      row.total_high = null;
    }
    const of1 = ratio('byBase', 1, asked);
    const ofBefore = ratio('byBefore', stageBefore(step.at, step.outcome), asked);
    fill(row, 'share', step, 1, of1);
    fill(row, 'conversion', step, stageBefore(step.at, step.outcome), ofBefore);
    row.n_eff = step.at > 0 && of1 ? of1.effective : null;
    rows.push(row);
  });
  return rows;
}

/** Write a ratio into its row; of nothing it is none, and of itself it has no interval. */
function fill(row, name, step, of, ratio) {
  const known = step.at > 0 && ratio !== null;
  const itself = step.outcome === 'reached' && step.at === of;
  const ends = known && !itself && ratio.low !== undefined;
  row[name] = known ? ratio.value : null;
  row[`${name}_low`] = ends ? Math.min(ratio.low, ratio.value) : null;
  row[`${name}_high`] = ends ? Math.max(ratio.high, ratio.value) : null;
}

/** How many units come together: at each rate if any came, else at all rates, else one. */
function clumps(square, n) {
  const ofAll = share(sumOf(square), sumOf(n));
  return n.map((found, at) => (found > 0 ? square[at] / found : ofAll));
}

/** Share of a stage that a step has, with its interval and its effective number. */
function ratioOf({ n, square, product, ofN, ofSquare, p, clump }, intervals, isWanted) {
  const rest = n.map((found, at) => Math.max(ofN[at] - found, 0));
  const restSquare = n.map((_, at) => ofSquare[at] - 2 * product[at] + square[at]);
  const restClump = clumps(restSquare, rest);
  const sums = { part: 0, rest: 0, of: 0, square: 0, restSquare: 0, both: 0, ofSquare: 0, largest: 0 };
  const distances = { partBelow: 0, partAbove: 0, restBelow: 0, restAbove: 0 };
  let some = false;
  n.forEach((found, at) => {
    if (!(ofN[at] > 0)) return;
    some = true;
    const rate = p[at];
    const squared = rate ** 2;
    if (isWanted) {
      const [low, high] = intervals.mean(found, clump[at]);
      const [restLow, restHigh] = intervals.mean(rest[at], restClump[at]);
      distances.partBelow += ((found - low) / rate) ** 2;
      distances.partAbove += ((high - found) / rate) ** 2;
      distances.restBelow += ((rest[at] - restLow) / rate) ** 2;
      distances.restAbove += ((restHigh - rest[at]) / rate) ** 2;
    }
    sums.part += found / rate;
    sums.rest += rest[at] / rate;
    sums.of += ofN[at] / rate;
    sums.square += square[at] / squared;
    sums.restSquare += restSquare[at] / squared;
    sums.both += (product[at] - square[at]) / squared;
    sums.ofSquare += ofSquare[at] / squared;
    sums.largest = Math.max(sums.largest, 1 / squared);
  });
  if (!some) return null;
  const value = sums.part / sums.of;
  const found = { value, effective: effective(value, sums) };
  if (!isWanted) return found;
  // one page view more on each side: a correlation of 1 in a few of them is not yet one
  const spread = (sums.square + sums.largest) * (sums.restSquare + sums.largest);
  const around = (middle, below, above) => [middle, Math.max(middle - Math.sqrt(below), 0), middle + Math.sqrt(above)];
  const [low, high] = partInterval(
    around(sums.part, distances.partBelow, distances.partAbove),
    around(sums.rest, distances.restBelow, distances.restAbove),
    sums.both / Math.sqrt(spread),
  );
  return { ...found, low, high };
}

/** Units of a plain random sample with the variance that linearisation gives, never more than Kish's. */
function effective(ratio, { of, square, restSquare, both, ofSquare }) {
  const residual = (1 - ratio) ** 2 * square - 2 * ratio * (1 - ratio) * both + ratio ** 2 * restSquare;
  const kish = of ** 2 / ofSquare;
  return ratio > 0 && ratio < 1 && residual > 0 ? Math.min(kish, (ratio * (1 - ratio) * of ** 2) / residual) : kish;
}
