// What choices make of the tallies: funnels with all their numbers, and totals for the bars beside them.

import { countsOf, funnel, stepsOf } from './funnel.js';
import { Intervals } from './rates.js';
import { beside, counted, overDays, unpacked } from './tally.js';
import { fixed } from './words.js';
import { RECORDED } from './code.js';

const MOST_SUMS = 4_000_000; // numbers that are kept by day; with more, each period is counted anew
const REMEMBERED = 8; // sums of so many choices, so that a hand may go back and forth

export const WEIGHT = '1 / sample rate';

export class Model {
  constructor(face, shelves) {
    Object.assign(this, { face, shelves, tallies: {}, sums: new Map() });
    this.steps = stepsOf(shelves.stages, face.codes);
    this.intervals = new Intervals(shelves.level, shelves.z);
    this.days = face.values.day;
  }

  /** A tally with what its ways count for; unpacked when it is first asked for. */
  tally(name) {
    this.tallies[name] ??= unpacked(this.face.tallies[name]).then((tally) => ({
      ...tally,
      steps: countsOf(tally.ways, this.steps, this.face.codes),
    }));
    return this.tallies[name];
  }

  /** Chosen period; none where it is the whole one, so that rows without a time still count. */
  period({ days }) {
    const ends = [this.days[0], this.days[this.days.length - 1]];
    return !days || (days[0] === ends[0] && days[1] === ends[1]) ? null : days;
  }

  /** Numbers of the values that count, by dimension; the days apart. */
  ranges(choices) {
    const chosen = this.face.filters.filter((name) => (choices[name] ?? null) !== null);
    return Object.fromEntries(
      chosen.map((name) => {
        const number = this.face.values[name].indexOf(choices[name]);
        return [name, [number, number]];
      }),
    );
  }

  /** Numbers of the first and the last day that count, or null for all. */
  dayRange(choices) {
    const period = this.period(choices);
    if (!period) return null;
    const first = this.days.findIndex((day) => day >= period[0]);
    return first < 0 ? [1, 0] : [first, this.days.findLastIndex((day) => day <= period[1])];
  }

  /** What `make` gives, once for each key. */
  remembered(key, make) {
    const text = JSON.stringify(key);
    const found = this.sums.get(text) ?? make();
    this.sums.delete(text);
    this.sums.set(text, found);
    if (this.sums.size > REMEMBERED) this.sums.delete(this.sums.keys().next().value);
    return found;
  }

  /** Sums of a tally under these choices, by value and kind, and the first and the last day of them. */
  async counted(name, choices, by, nBy, counts) {
    const tally = await this.tally(name);
    const ranges = this.ranges(choices);
    const rates = this.face.rates.length + 1;
    const nDays = this.days.length + 1;
    const period = this.dayRange(choices);
    if (nDays * nBy * tally.ways.length * rates * counts.length > MOST_SUMS) {
      const all = period ? { ...ranges, day: period } : ranges;
      return { sums: counted(tally, { ranges: all, rates, by, nBy, counts, nDays: 1 }), ends: period ?? [0, nDays - 2] };
    }
    const byDay = this.remembered([name, ranges, by], () => counted(tally, { ranges, rates, by, nBy, counts, nDays }));
    const [first, last] = period ?? [0, nDays - 2];
    const size = byDay[counts[0]].length / nDays;
    const has = (day) => byDay[counts[0]].subarray(day * size, (day + 1) * size).some((n) => n > 0);
    let ends = [first, last];
    while (ends[0] <= ends[1] && !has(ends[0])) ends = [ends[0] + 1, ends[1]];
    while (ends[0] <= ends[1] && !has(ends[1])) ends = [ends[0], ends[1] - 1];
    return { sums: Object.fromEntries(counts.map((count) => [count, overDays(byDay[count], nDays, period)])), ends };
  }

  /**
   * Funnels under these choices.
   *
   * @param wanted whether intervals of a step are asked for; all unless told otherwise
   */
  async funnels(choices, wanted = () => true) {
    const { face } = this;
    const [unit, by] = [choices.unit ?? 'pageview', choices.by ?? null];
    const isRecorded = choices.weight === 'recorded';
    const byCampaign = by === 'campaign' || (choices.campaign ?? null) !== null;
    const name = unit === 'pageview' ? 'pageview' : byCampaign ? 'attempt' : 'way';
    const tally = await this.tally(name);
    const values = by === null ? [null] : [...face.values[by], null];
    const width = face.rates.length + 1;
    const { sums, ends } = await this.counted(name, choices, by, values.length, ['n', 'partial']);
    const isLostKnown = unit === 'pageview' && byCampaign && face.tallies.lost !== undefined;
    const lostCounts = ['attempts', 'taken_over', 'incomplete'];
    const lost = isLostKnown ? (await this.counted('lost', choices, by, values.length, lostCounts)).sums : null;
    const rates = isRecorded ? [1] : face.rates;
    const kinds = tally.ways.length * width;
    const found = values.flatMap((value, number) => {
      const units = sums.n.subarray(number * kinds, (number + 1) * kinds);
      const others = lost && lost.attempts.subarray(number * width, (number + 1) * width);
      if (!units.some((n) => n > 0) && !(others && others.some((n) => n > 0))) return [];
      const n = isRecorded ? asRecorded(units, width) : units;
      const present = rates.map((_, rate) => isRecorded || others?.[rate] > 0 || hasRate(units, rate, width));
      const rows = funnel({
        ...{ n, place: 0, width: rates.length + 1, rates, present, steps: this.steps, counts: tally.steps },
        ...{ intervals: this.intervals, wanted },
      });
      const partial = total(sums.partial.subarray(number * kinds, (number + 1) * kinds));
      const facts = { partial, unweighted: isRecorded ? 0 : ofRate(units, width - 1, width) };
      return [{ value, rows, ...facts, ...this.takenOver(lost, number, rates, width, { unit, byCampaign, isRecorded, partial }) }];
    });
    found.sort((a, b) => order(a.value, b.value));
    const days = ends[0] <= ends[1] ? ends.map((day) => this.days[day]) : [null, null];
    return { unit, by, weight: isRecorded ? RECORDED : WEIGHT, level: this.shelves.level, funnels: found, ends: days };
  }

  /** Share of a campaign's attempts that are page views of other campaigns, and what a reader must know of it. */
  takenOver(lost, number, rates, width, { unit, byCampaign, isRecorded, partial }) {
    const { notes } = this.shelves;
    if (unit === 'attempt') return { taken_over: null, note: partial > 0 ? said(notes.bound, partial) : null };
    if (!byCampaign) return { taken_over: null, note: null };
    if (lost === null) return { taken_over: null, note: notes.not_known };
    const of = (name) => lost[name].subarray(number * width, (number + 1) * width);
    const weighted = (name) =>
      isRecorded ? total(of(name)) : rates.reduce((sum, rate, at) => sum + of(name)[at] / rate, 0);
    const [taken, attempts, incomplete] = [weighted('taken_over'), weighted('attempts'), total(of('incomplete'))];
    const share = attempts > 0 ? taken / attempts : null;
    let note = null;
    if (share === null) note = notes.not_known;
    else if (share > notes.limit) note = said(notes.taken_over, incomplete > 0 ? 'at least ' : '', fixed(share * 100, 1));
    else if (incomplete > 0) note = said(notes.incomplete, incomplete);
    return { taken_over: share, note };
  }

  /** For each dimension its values and how many units the other choices leave them. */
  async linked(choices) {
    const { face } = this;
    const tally = await this.tally((choices.unit ?? 'pageview') === 'pageview' ? 'pageview' : 'attempt');
    const isRecorded = choices.weight === 'recorded';
    const width = face.rates.length + 1;
    const names = [...face.filters, ...(this.days.length > 1 ? ['day'] : [])];
    const sizes = Object.fromEntries(names.map((name) => [name, face.values[name].length + 1]));
    const ranges = this.ranges(choices);
    const nDays = this.days.length + 1;
    const byDay = this.remembered([choices.unit, ranges], () => beside(tally, { ranges, rates: width, sizes, nDays }));
    const period = this.dayRange(choices);
    const found = Object.fromEntries(
      names.map((name) => [name, overDays(byDay[name], nDays, name === 'day' ? null : period)]),
    );
    return Object.fromEntries(
      names.map((name) => [
        name === 'day' ? 'days' : name,
        face.values[name].flatMap((value, number) => {
          const n = found[name].subarray(number * width, (number + 1) * width);
          if (!n.some((units) => units > 0)) return [];
          return [{ value, total: isRecorded ? total(n) : face.rates.reduce((sum, rate, at) => sum + n[at] / rate, 0) }];
        }),
      ]),
    );
  }
}

const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
const order = (a, b) => (a === b ? 0 : a === null || (b !== null && a < b) ? -1 : 1);
const said = (sentence, ...parts) => parts.reduce((text, part) => text.replace('{}', part), sentence);

function ofRate(n, rate, width) {
  let sum = 0;
  for (let at = rate; at < n.length; at += width) sum += n[at];
  return sum;
}

function hasRate(n, rate, width) {
  for (let at = rate; at < n.length; at += width) if (n[at] > 0) return true;
  return false;
}

/** Units of all rates as units of rate 1, in rows of that rate and of none. */
function asRecorded(n, width) {
  const merged = new Float64Array((n.length / width) * 2);
  n.forEach((units, at) => {
    merged[Math.floor(at / width) * 2] += units;
  });
  return merged;
}
