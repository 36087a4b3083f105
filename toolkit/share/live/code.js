// The present view as lines of Python, as toolkit/explore/code.py writes them.

export const RECORDED = '1 for each recorded';

function condition(column, value) {
  const name = `pl.col(${JSON.stringify(column)})`;
  if (typeof value === 'boolean') return value ? name : `~${name}`;
  return `${name} == ${JSON.stringify(value)}`;
}

/** Lines that give the same table and chart in a notebook. */
export function codeOf({ called, choices, filters, days }) {
  const { by, campaign } = choices;
  const isApart = (campaign ?? null) !== null;
  const conditions = filters
    .filter((name) => (choices[name] ?? null) !== null && name !== 'campaign')
    .map((name) => condition(name, choices[name]));
  if (days) conditions.push(`tk.keep.period(${days.map((day) => JSON.stringify(day)).join(', ')})`);
  const names = [...new Set([...(by ? [by] : []), ...(isApart ? ['campaign'] : [])])].map((name) => JSON.stringify(name));
  const given = [
    'tk.measure.status_funnel',
    ...(names.length ? [`by=${names.length === 1 ? names[0] : `[${names.join(', ')}]`}`] : []),
    ...(choices.unit === 'attempt' ? ['unit="attempt"'] : []),
  ];
  const isRecorded = choices.weight === 'recorded';
  const steps = [
    called,
    ...(conditions.length ? [`.filter(${conditions.join(', ')})`] : []),
    ...(isRecorded ? ['.with_columns(sample_rate=1.0)'] : []),
    `.pipe(${given.join(', ')})`,
    ...(isRecorded ? [`.with_columns(weight=pl.lit("${RECORDED}"))`] : []),
    ...(isApart ? [`.filter(${condition('campaign', campaign)})${by === 'campaign' ? '' : '.drop("campaign")'}`] : []),
  ];
  return ['funnel = (', ...steps.map((step) => `    ${step}`), ')', 'tk.chart.status_funnel(funnel)'].join('\n');
}
