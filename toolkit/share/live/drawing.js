// What fills the charts: data, words and lengths of axes, as toolkit/chart/funnel.py and linked.py make them.

import { count, intervalsOf, percent, period } from './words.js';

const CODES_DRAWN = 12;
const BARS = 6;

/** Filling of the chart of these funnels: which form, its data, title, subtitle, description and values. */
export function drawing(found, codes, shelves) {
  const kit = { codes, ...shelves, units: shelves.units[found.unit] };
  if (found.by === null) return one(found, kit);
  return found.by === 'day' ? overTime(found, kit) : many(found, kit);
}

const is = (outcome, at) => (row) => row.outcome === outcome && row.at === at;
const attempted = (funnel) => funnel.rows.find(is('reached', 1));
const sum = (numbers) => numbers.reduce((all, number) => all + (number ?? 0), 0);

function one(found, kit) {
  const [{ rows }] = found.funnels;
  const bars = rows
    .filter((row) => row.outcome === 'reached')
    .map((row) => ({
      stage: kit.stages.find(({ at }) => at === row.at).label,
      total: row.total,
      low: row.total_low,
      high: row.total_high,
      said: row.total === null ? 'not known' : `${count(row.total)}  (${percent(row.share)})`,
    }));
  const stops = rows.filter((row) => row.outcome === 'stopped');
  const reasons = reasonsOf(stops, kit);
  const hasStops = stops.length > 0;
  return {
    form: `one ${kit.units} ${hasStops ? 'stops' : 'reached'}`,
    datasets: { stages: bars, ...(hasStops && { reasons }) },
    title: 'Where do banners stop?',
    subtitle: subtitle(found, kit),
    description: description(rows, stops, found.unit, kit),
    values: {
      room: largest(bars.map((row) => row.high)) * 1.42,
      reasons_room: largest(reasons.map((row) => (row.high ?? null) === null ? row.share : Math.max(row.share, row.high))) * 1.25,
      causes: present(reasons, kit),
    },
  };
}

/** Rows of the codes that stop units; the smallest together if there are many, but never one that nobody expects. */
function reasonsOf(stops, { codes, odd, several }) {
  const size = (row) => (row.total ?? 0) + (odd.includes(codes[row.code].group) ? Infinity : 0);
  const kept = new Set([...stops].sort((a, b) => size(b) - size(a) || 0).slice(0, CODES_DRAWN));
  const rows = stops.filter((row) => kept.has(row)).map((row) => {
    const { code, label, group } = codes[row.code];
    const name = code === null ? label : `${code}  ${label}`;
    return { name, group, share: row.share, low: row.share_low, high: row.share_high, n: row.n };
  });
  const rest = stops.filter((row) => !kept.has(row));
  if (rest.length) {
    const [share, n] = [sum(rest.map((row) => row.share)), sum(rest.map((row) => row.n))];
    rows.push({ name: `${rest.length} further codes`, group: several, share, low: null, high: null, n });
  }
  return rows.map((row) => ({ ...row, said: percent(row.share) }));
}

/** What becomes of all units: shown, or the group of causes that stopped them. */
function endsOf(rows, { codes, groups }) {
  const ends = new Map();
  for (const row of rows) {
    const isShown = row.outcome === 'reached' && row.at === 5;
    if (!isShown && (row.outcome !== 'stopped' || row.at === 0)) continue;
    const group = isShown ? 'shown' : codes[row.code].group;
    const end = ends.get(group) ?? { group, share: 0, n: 0, rank: groups.indexOf(group) };
    end.share += row.share ?? 0;
    end.n += row.n;
    ends.set(group, end);
  }
  return [...ends.values()];
}

function many(found, kit) {
  const named = found.funnels.map((funnel) => ({ ...funnel, name: funnel.value === null ? '(none)' : String(funnel.value) }));
  const sizeOf = (funnel) => attempted(funnel).total ?? Infinity;
  const byName = (a, b) => (a.name < b.name ? -1 : 1);
  const order = [...named].sort((a, b) => (sizeOf(a) === sizeOf(b) ? byName(a, b) : sizeOf(b) - sizeOf(a)));
  const kept = order.slice(0, kit.most);
  const shown = kept.map((funnel) => shownOf(funnel, { name: funnel.name }));
  const ends = kept.flatMap(({ name, rows }) => endsOf(rows, kit).map((end) => ({ name, ...end, said: percent(end.share) })));
  const known = shown.filter((row) => row.share !== null).sort((a, b) => a.share - b.share);
  const [first, last] = [known[0] ?? shown[0], known[known.length - 1] ?? shown[0]];
  const more = order.length > kit.most ? [`The ${kit.most} of ${order.length} with most ${kit.units}.`] : [];
  return {
    form: `many ${found.by}`,
    datasets: { shown, ends },
    title: `Where do banners stop, by ${found.by}?`,
    subtitle: [...subtitle(found, kit), ...more],
    description: `Share of ${kit.units} with a banner shown, for ${kept.length} values of ${found.by}: highest for ${last.name}, lowest for ${first.name}.`,
    values: { causes: present(ends, kit) },
  };
}

function overTime(found, kit) {
  const timeless = sum(found.funnels.filter(({ value }) => value === null).map((funnel) => attempted(funnel).n));
  const said = timeless ? [`${count(timeless)} recorded without a time are not in this chart`] : [];
  const timed = found.funnels.filter(({ value }) => value !== null);
  const at = (funnel) => `${funnel.value}T00:00:00`;
  const shown = timed.map((funnel) => shownOf(funnel, { at: at(funnel) }));
  const ends = timed.flatMap((funnel) => endsOf(funnel.rows, kit).map((end) => ({ at: at(funnel), ...end })));
  return {
    form: 'over time day',
    datasets: { shown, ends },
    title: 'Where do banners stop, by day?',
    subtitle: [...subtitle({ ...found, funnels: timed }, kit), ...said],
    description: `Share of ${kit.units} with a banner shown, by day in UTC, ${shown.length} points.`,
    values: { causes: present(ends, kit) },
  };
}

function shownOf(funnel, name) {
  const row = funnel.rows.find(is('reached', 5));
  return { ...name, share: row.share, low: row.share_low, high: row.share_high, said: percent(row.share) };
}

/** Unit, weight, counts, interval and period: what a number needs to be understood. */
function subtitle(found, { units }) {
  const whole = found.funnels.map(attempted);
  const facts = (name) => sum(found.funnels.map((funnel) => funnel[name]));
  const lines = [
    `${count(sum(whole.map((row) => row.n)))} ${units} recorded, standing for ${count(sum(whole.map((row) => row.total)))} (weight ${found.weight}); ${intervalsOf(found.level)}`,
    period(...found.ends),
  ];
  const apart = sum(found.funnels.flatMap(({ rows }) => rows.filter((row) => row.at === 0).map((row) => row.n)));
  if (apart) lines.push(`${count(apart)} recorded although nothing was attempted (codes 0 and 8) are in no share`);
  if (facts('unweighted')) lines.push(`${count(facts('unweighted'))} recorded without a usable sample rate are in no number here`);
  const lost = found.funnels.filter((funnel) => funnel.note !== null && funnel.taken_over > 0).length;
  if (lost) lines.push(`${lost} of ${whole.length} lost attempts to other campaigns, in whose page views they are (column \`note\`); unit='attempt' counts them`);
  if (facts('partial') && found.unit === 'attempt') {
    lines.push(`for ${count(facts('partial'))} the export does not hold all attempts: a lower bound`);
  }
  return lines;
}

function description(rows, stops, unit, { codes, units }) {
  const shown = rows.find(is('reached', 5));
  const whole = unit === 'pageview' ? 'page views with a campaign attempted' : units;
  const said = `Of ${count(rows.find(is('reached', 1)).total ?? 0)} ${whole}, ${percent(shown.share)} end in a banner shown.`;
  if (!stops.length) return said;
  const top = stops.reduce((most, row) => ((row.total ?? 0) > (most.total ?? 0) ? row : most));
  const { code, label } = codes[top.code];
  return `${said} Most others stop at ${code ?? 'no code'} ${label} (${percent(top.share)}).`;
}

const present = (rows, { groups }) => groups.filter((group) => rows.some((row) => row.group === group));
const largest = (numbers) => Math.max(0, ...numbers.filter((number) => number !== null)) || 1;

/** Filling of the bars beside the chart. */
export function linkedDrawing(totals, choices, units) {
  const datasets = Object.fromEntries(
    Object.entries(totals).map(([name, rows]) => [`by_${name}`, barsOf(name, rows, choices[name] ?? null)]),
  );
  return {
    form: 'linked',
    datasets,
    title: 'Click a bar to choose',
    subtitle: [units],
    description: `Number of ${units} by ${Object.keys(totals).join(', ')}: a bar chooses its value.`,
    values: {},
  };
}

function barsOf(dimension, totals, chosen) {
  const bar = (isIn) => ({ value, total }) => ({ dimension, pick: value, name: String(value), total, said: count(total), is_in: isIn(value) });
  if (dimension === 'days') return totals.map(bar((day) => chosen === null || (chosen[0] <= day && day <= chosen[1])));
  const sorted = [...totals].sort((a, b) => b.total - a.total || (String(a.value) < String(b.value) ? -1 : 1));
  const place = chosen === null ? -1 : sorted.findIndex(({ value }) => value === chosen);
  const rows = place < BARS ? sorted.slice(0, BARS) : [...sorted.slice(0, BARS - 1), sorted[place]];
  return rows.map(bar((value) => chosen === null || value === chosen));
}

/** Table that a reader sees: its columns, and rows of text and numbers. */
export function tableOf(found, codes, stages) {
  const between = (row, name, word) => {
    if (row[name] === null) return '';
    const ends = [row[`${name}_low`], row[`${name}_high`]];
    return ends.includes(null) ? word(row[name]) : `${word(row[name])} (${word(ends[0])} to ${word(ends[1])})`;
  };
  const by = found.by === null ? [] : [found.by];
  const columns = [...by, 'stage', 'outcome', 'recorded', 'estimate (interval)', 'share (interval)'];
  const rows = found.funnels.flatMap(({ value, rows: steps }) =>
    steps.map((row) => [
      ...by.map(() => (value === null ? '' : String(value))),
      stages.find(({ at }) => at === row.at)?.stage ?? 'not attempted',
      wordsOf(row, codes),
      row.n,
      between(row, 'total', count),
      between(row, 'share', percent),
    ]),
  );
  return { columns, rows };
}

function wordsOf(row, codes) {
  if (row.code === null) return row.outcome;
  const { code, label } = codes[row.code];
  return [row.outcome, ...(code === null ? [] : [code]), label].join(' ');
}

const NUMBERS = [
  'n', 'total', 'total_low', 'total_high', 'share', 'share_low', 'share_high',
  'conversion', 'conversion_low', 'conversion_high', 'n_eff',
];

/** The measure's table as CSV. */
export function csvOf(found, codes, stages) {
  const quoted = (value) => (/[",\n\r]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
  const by = found.by === null ? [] : [found.by];
  const head = [...by, 'unit', 'weight', 'stage', 'outcome', 'status_code', 'label', 'group', ...NUMBERS, 'unweighted', 'partial', 'taken_over', 'note', 'level'];
  const rows = found.funnels.flatMap((funnel) =>
    funnel.rows.map((row) => {
      const { code, label, group } = row.code === null ? {} : codes[row.code];
      const stage = stages.find(({ at }) => at === row.at)?.stage ?? 'not attempted';
      return [
        ...by.map(() => funnel.value), found.unit, found.weight, stage, row.outcome, code, label, group,
        ...NUMBERS.map((name) => row[name]), funnel.unweighted, funnel.partial, funnel.taken_over, funnel.note, found.level,
      ];
    }),
  );
  return [head, ...rows].map((row) => row.map((value) => quoted(value ?? '')).join(',')).join('\n') + '\n';
}
